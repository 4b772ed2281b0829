// Tiles of tokens that meet the same weights: how they are shared out, and their sums.
#pragma once
#include <algorithm>
#include <cstdint>
#include <utility>

#include "vector.h"

// Sums of T tokens, a vector (or a unit's vectors) each. Recursion instead of an array: compilers keep
// named vectors in registers, and arrays only on a good day.
template <class Sum, int T>
struct Accumulators {
    Sum sum{};
    [[no_unique_address]] Accumulators<Sum, T - 1> rest;

    Accumulators() = default;

    // Sums that begin with start(token) instead of zero.
    template <class Start>
    ALWAYS_INLINE explicit Accumulators(const Start& start, int token = 0)
        : sum(start(token)), rest(start, token + 1) {}

    // Adds `weights` times what stands at `x` for the first token, at x + stride for the next.
    template <class Weights, class Value>
    ALWAYS_INLINE void add(Weights weights, const Value* x, int stride) {
        isa::accumulate(sum, weights, x);
        if constexpr (T > 1) rest.add(weights, x + stride, stride);
    }

    // Calls use(token, sum) for each token.
    template <class Use>
    ALWAYS_INLINE void each(const Use& use, int token = 0) const {
        use(token, sum);
        if constexpr (T > 1) rest.each(use, token + 1);
    }
};

template <class Sum>
struct Accumulators<Sum, 0> {
    Accumulators() = default;
    template <class Start>
    ALWAYS_INLINE explicit Accumulators(const Start&, int) {}
};

template <class Use, int... SIZE>
ALWAYS_INLINE void call_tile(
    const Use& use, int64_t size, int64_t first, std::integer_sequence<int, SIZE...>) {
    using Tile = void (*)(const Use&, int64_t);
    static constexpr Tile TILES[] = {[](const Use& tile, int64_t token) {
        tile.template operator()<SIZE + 1>(token);
    }...};
    TILES[size - 1](use, first);
}

// Calls use.operator()<T>(first token) for tiles of at most MAX tokens and nearly equal size, the larger
// ones first: 14 tokens are two tiles of 7 rather than one of 12 and one of 2.
template <int MAX, class Use>
inline void for_tiles(int64_t tokens, const Use& use) {
    for (int64_t token = 0; token < tokens;) {
        const int64_t left = tokens - token;
        const int64_t size = left <= MAX ? left : pieces_of(left, pieces_of(left, MAX));
        call_tile(use, size, token, std::make_integer_sequence<int, MAX>());
        token += size;
    }
}
