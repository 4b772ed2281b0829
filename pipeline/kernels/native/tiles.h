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
    static constexpr int ROWS = sizeof(Sum) / sizeof(float), PARTS = 1;  // see LastingSums
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
        if constexpr (requires { isa::accumulate(sum, weights, x); })
            isa::accumulate(sum, weights, x);
        else
            isa::accumulate(sum.all, weights.all, x);
        if constexpr (T > 1) rest.add(weights, x + stride, stride);
    }

    // Calls use(token, sum) for each token.
    template <class Use>
    ALWAYS_INLINE void each(const Use& use, int token = 0) const {
        use(token, sum);
        if constexpr (T > 1) rest.each(use, token + 1);
    }

    template <class Use>
    ALWAYS_INLINE void each_part(int first, const Use& use) {
        use(first, *this);
    }

    // Calls use(token, sum, other's sum), which may change the first, for each token.
    template <class Other, class Use>
    ALWAYS_INLINE void with(const Accumulators<Other, T>& others, const Use& use, int token = 0) {
        use(token, sum, others.sum);
        if constexpr (T > 1) rest.with(others.rest, use, token + 1);
    }
};

template <class Sum>
struct Accumulators<Sum, 0> {
    Accumulators() = default;
    template <class Start>
    ALWAYS_INLINE explicit Accumulators(const Start&, int) {}
};

// The same of all rows of a unit, in parts, where they are too many for registers. Compilers don't see
// through `sums`, and so don't try to keep them in registers that the accumulators need.
template <class Sum, int T>
struct StoredSums {
    static constexpr int ROWS = sizeof(Sum) / sizeof(float), PARTS = UNIT / ROWS;

    struct Part {
        Sum sums[T];

        template <class Use>
        ALWAYS_INLINE void each(const Use& use) const {
            for (int token = 0; token < T; ++token) use(token, sums[token]);
        }
        template <class Other, class Use>
        ALWAYS_INLINE void with(const Accumulators<Other, T>& others, const Use& use) {
            others.each([&](int token, Other other) INLINED {
                Sum its = sums[token];
                use(token, its, other);
                sums[token] = its;
            });
        }
    };
    Part stored[PARTS] = {};
    Part* parts = stored;

    ALWAYS_INLINE StoredSums() { asm("" : "+r"(parts) : : "memory"); }

    template <class Use>
    ALWAYS_INLINE void each_part(int first, const Use& use) {
        for (int part = 0; part < PARTS; ++part) use(first + part * ROWS, parts[part]);
    }
};

// Sums to which accumulators of as many vectors are added time and again: ROWS of a unit, if all of these
// and four vectors beside them fit the registers; else a unit's, stored.
template <class Sum, int T>
using LastingSums = std::conditional_t<
    2 * T * sizeof(Sum) / sizeof(Floats) + 4 <= isa::REGISTERS, Accumulators<Sum, T>,
    StoredSums<Sum, T>>;

// Rows of a unit that a tile takes at a time, if SUMS vectors of sums fit the registers. An instruction
// set that has a step for two vectors of weights, which share what is broadcast, has the tiles of many
// tokens take both for half as many tokens; a batch that is a single tile may have a few more of one.
template <class Sum, class Weights, class Value, int SUMS>
struct TileRows {
    static constexpr bool PAIRED =
        requires(TwoVectors<Sum>& sum, TwoVectors<Weights> weights, const Value* x) {
            isa::accumulate(sum, weights, x);
        };
    static constexpr int TOKENS = PAIRED ? SUMS / 2 : SUMS, ALONE = PAIRED ? SUMS * 2 / 3 : SUMS;

    template <int T>
    static constexpr int rows = PAIRED && T <= TOKENS ? 2 * LANES : LANES;
    template <int T, class V>
    using Vectors = std::conditional_t<rows<T> == LANES, OneVector<V>, TwoVectors<V>>;
};

template <class V>
ALWAYS_INLINE V vector_at(const OneVector<V>& vectors, int) {
    return vectors.all;
}
template <class V>
ALWAYS_INLINE V vector_at(const TwoVectors<V>& vectors, int row) {
    return row ? vectors.high : vectors.low;
}
template <class V>
ALWAYS_INLINE V& vector_at(OneVector<V>& vectors, int) {
    return vectors.all;
}
template <class V>
ALWAYS_INLINE V& vector_at(TwoVectors<V>& vectors, int row) {
    return row ? vectors.high : vectors.low;
}

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
// ones first: 14 tokens are two tiles of 7 rather than one of 12 and one of 2. Up to ALONE tokens are
// one tile.
template <int MAX, int ALONE = MAX, class Use>
inline void for_tiles(int64_t tokens, const Use& use) {
    if (tokens <= ALONE && tokens > MAX)
        return call_tile(use, tokens, 0, std::make_integer_sequence<int, ALONE>());
    for (int64_t token = 0; token < tokens;) {
        const int64_t left = tokens - token;
        const int64_t size = left <= MAX ? left : pieces_of(left, pieces_of(left, MAX));
        call_tile(use, size, token, std::make_integer_sequence<int, MAX>());
        token += size;
    }
}
