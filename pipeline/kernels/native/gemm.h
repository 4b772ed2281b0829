// Batch of activations × packed matrix: the loops that the three precisions share.
//
// The layout of a matrix is told in layout.py, that of activations in activations.h.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "activations.h"
#include "layout.h"
#include "thread_pool.h"
#include "vector.h"

struct Gemm {
    const uint8_t* weights;
    const float* bias;         // or null
    const void* activations;   // as packed for this precision
    float* out;                // (tokens, width)
    int64_t tokens, rows, columns;

    int64_t panels() const { return (rows + PANEL - 1) / PANEL; }
    int64_t width() const { return panels() * PANEL; }
};

// Sums of T tokens, VECTORS times eight rows each. Recursion instead of an array: compilers keep named
// vectors in registers, and arrays only on a good day.
template <class Vector, int T, int VECTORS>
struct Sums;

template <class Vector>
struct Sums<Vector, 0, 1> {
    Sums() = default;
    template <class Start>
    explicit Sums(const Start&, int) {}
};
template <class Vector>
struct Sums<Vector, 0, 2> {};

template <class Vector, int T>
struct Sums<Vector, T, 1> {
    Vector sum{};
    [[no_unique_address]] Sums<Vector, T - 1, 1> rest;

    Sums() = default;

    // Sums that begin with start(token) instead of zero.
    template <class Start>
    ALWAYS_INLINE explicit Sums(const Start& start, int token = 0)
        : sum(start(token)), rest(start, token + 1) {}

    // Adds `weights` times what stands at `x` for the first token, at x + stride for the next.
    template <class Weights, class Value>
    ALWAYS_INLINE void add(Weights weights, const Value* x, int stride) {
        add_product(sum, weights, x);
        if constexpr (T > 1) rest.add(weights, x + stride, stride);
    }

    // Calls use(token, sum) for each token.
    template <class Use>
    ALWAYS_INLINE void each(const Use& use, int token = 0) const {
        use(token, sum);
        if constexpr (T > 1) rest.each(use, token + 1);
    }
};

template <class Vector, int T>
struct Sums<Vector, T, 2> {
    Vector low{}, high{};
    [[no_unique_address]] Sums<Vector, T - 1, 2> rest;

    template <class Weights, class Value>
    ALWAYS_INLINE void add(Weights w0, Weights w1, const Value* x, int stride) {
        add_product(low, high, w0, w1, x);
        if constexpr (T > 1) rest.add(w0, w1, x + stride, stride);
    }

    template <class Use>
    ALWAYS_INLINE void each(const Use& use, int token = 0) const {
        use(token, low, high);
        if constexpr (T > 1) rest.each(use, token + 1);
    }
};

// The groups of a unit that lie together, and the columns they begin with.
template <class Format>
struct Block {
    const uint8_t* scales;
    int64_t first;  // group
    int groups;

    const uint8_t* weights(int group) const {
        return scales + Format::scale_bytes(groups) + group * Format::BYTES;
    }

    // Few tokens use weights faster than the hardware foresees: they ask for what comes this much
    // later. More tokens would only be held up by asking.
    static constexpr int AHEAD = 4096, FEW = 6;

    template <int T>
    ALWAYS_INLINE void fetch_ahead(int group) const {
        const uint8_t* from = weights(group) + AHEAD;
        for (int line = 0; T <= FEW && line < Format::BYTES; line += 64)
            __builtin_prefetch(from + line);
    }
};

// A kernel is a format with an Operand, the type of its Sums, and MOST_TOKENS and ROWS of a tile. It
// adds to the sums what a group of such rows makes of T tokens, and to the output what eight of a
// block's sums amount to. A sum depends on its own row and token alone, whatever T is.
template <class Kernel>
struct Multiply {
    static void run(ThreadPool& pool, const Gemm& gemm) {
        pool.run(gemm.panels(), [&](uint32_t panel) { multiply_panel(gemm, panel); });
    }

    static void multiply_panel(const Gemm& gemm, int64_t panel) {
        const int64_t groups = (gemm.columns + Kernel::GROUP - 1) / Kernel::GROUP;
        const uint8_t* weights = gemm.weights + panel * panel_bytes<Kernel>(groups);
        float* out = gemm.out + panel * PANEL;
        begin(gemm, panel, out);
        for (int64_t group = 0; group < groups; group += BLOCK_GROUPS) {
            const int here = (int)std::min<int64_t>(BLOCK_GROUPS, groups - group);
            for (int unit = 0; unit < PANEL / UNIT; ++unit) {
                multiply_unit(gemm, Block<Kernel>{weights, group, here}, out + unit * UNIT);
                weights += block_bytes<Kernel>(here);
            }
        }
    }

    static void begin(const Gemm& gemm, int64_t panel, float* out) {
        for (int64_t token = 0; token < gemm.tokens; ++token, out += gemm.width())
            for (int row = 0; row < PANEL; ++row)
                out[row] = gemm.bias ? gemm.bias[panel * PANEL + row] : 0.0f;
    }

    // Tiles of nearly equal size, the larger ones first: 14 tokens are two tiles of 7 rather than one
    // of 12 and one of 2.
    static void multiply_unit(const Gemm& gemm, const Block<Kernel>& block, float* out) {
        const typename Kernel::Operand input(gemm.activations, gemm.tokens, gemm.columns);
        for (int64_t token = 0; token < gemm.tokens;) {
            const int64_t left = gemm.tokens - token;
            const int64_t tiles = (left + Kernel::MOST_TOKENS - 1) / Kernel::MOST_TOKENS;
            const int64_t size = (left + tiles - 1) / tiles;
            TILES[size - 1](block, input, token, out + token * gemm.width(), gemm.width());
            token += size;
        }
    }

    // The sums lie side by side meanwhile, as rows of the output may lie at distances that all fall
    // into one set of the cache.
    template <int T>
    static void multiply_tile(
        const Block<Kernel>& block, const typename Kernel::Operand& input, int64_t token, float* out,
        int64_t width) {
        alignas(64) typename Kernel::Sum sums[T][UNIT] = {};
        for (int group = 0; group < block.groups; ++group) {
            if (token == 0) block.template fetch_ahead<T>(group);
            for (int row = 0; row < UNIT; row += Kernel::ROWS)
                Kernel::template add_group<T>(block, group, row, input, token, sums[0] + row);
        }
        for (int t = 0; t < T; ++t, out += width)
            for (int row = 0; row < UNIT; row += 8)
                Kernel::add_block(block, row, input, token + t, sums[t] + row, out + row);
    }

    using Tile = void (*)(
        const Block<Kernel>& block, const typename Kernel::Operand& input, int64_t token, float* out,
        int64_t width);
    template <int... SIZES>
    static constexpr std::array<Tile, sizeof...(SIZES)> tiles(
        std::integer_sequence<int, 0, SIZES...>) {
        return {multiply_tile<SIZES>...};
    }
    static constexpr auto TILES =
        tiles(std::make_integer_sequence<int, Kernel::MOST_TOKENS + 1>());
};
