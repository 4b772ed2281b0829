// Batch of activations × packed matrix: the loops that the three precisions share.
//
// The layout of a matrix is told in layout.py, that of activations in activations.h.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "thread_pool.h"
#include "vector.h"

constexpr int PANEL = 64, UNIT = 16, BLOCK = 512, MOST_TOKENS = 6;

struct Gemm {
    const uint8_t* weights;
    const float* bias;         // or null
    const void* activations;   // as packed for this precision
    float* out;                // (tokens, width)
    int64_t tokens, rows, columns;

    int64_t panels() const { return (rows + PANEL - 1) / PANEL; }
    int64_t width() const { return panels() * PANEL; }
};

// Neighbouring tokens of one block of columns, and where their sums are kept.
struct Tile {
    const Gemm& gemm;
    int64_t group;   // first group of the block
    int groups;      // of the block
    int64_t token;   // first token
    float* out;      // (tokens of the tile, UNIT)
};

// Sums of T tokens for the two halves of a unit. Recursion instead of an array: compilers keep named
// vectors in registers, and arrays only on a good day.
template <class Vector, int T>
struct Sums {
    Vector low{}, high{};
    Sums<Vector, T - 1> rest;

    Sums() = default;

    // Sums that begin with start(token) instead of zero.
    template <class Start>
    ALWAYS_INLINE explicit Sums(const Start& start, int token = 0)
        : low(start(token)), high(low), rest(start, token + 1) {}

    // Adds `w0` and `w1` times what stands at `x` for the first token, at x + stride for the next.
    template <class Weights, class Value>
    ALWAYS_INLINE void add(Weights w0, Weights w1, const Value* x, int stride) {
        add_product(low, high, w0, w1, x);
        if constexpr (T > 1) rest.add(w0, w1, x + stride, stride);
    }

    // Calls use(token, low, high) for each token.
    template <class Use>
    ALWAYS_INLINE void each(const Use& use, int token = 0) const {
        use(token, low, high);
        if constexpr (T > 1) rest.each(use, token + 1);
    }
};

template <class Vector>
struct Sums<Vector, 0> {
    Sums() = default;
    template <class Start>
    explicit Sums(const Start&, int) {}
};

// Weights are read once from memory, faster than the hardware foresees: the first tile of a unit asks
// for what comes this much later.
constexpr int AHEAD = 4096;

template <int BYTES>
ALWAYS_INLINE void prefetch(const uint8_t* from) {
    for (int line = 0; line < BYTES; line += 64) __builtin_prefetch(from + line);
}

// A kernel says how many columns form a group, how many bytes a unit's group takes, and adds to
// Tile::out, for T tokens, the 16 sums over the block's groups one group after another. A sum
// depends on its own row and token alone, whatever T is.
template <class Kernel>
struct Multiply {
    using Function = void (*)(const uint8_t* weights, const Tile& tile);
    static constexpr Function TILES[MOST_TOKENS + 1] = {
        nullptr,
        Kernel::template tile<1>,
        Kernel::template tile<2>,
        Kernel::template tile<3>,
        Kernel::template tile<4>,
        Kernel::template tile<5>,
        Kernel::template tile<6>,
    };
    static constexpr int BLOCK_GROUPS = BLOCK / Kernel::GROUP;

    static void run(ThreadPool& pool, const Gemm& gemm) {
        pool.run(gemm.panels(), [&](uint32_t panel) { multiply_panel(gemm, panel); });
    }

    static void multiply_panel(const Gemm& gemm, int64_t panel) {
        const int64_t groups = (gemm.columns + Kernel::GROUP - 1) / Kernel::GROUP;
        const uint8_t* weights =
            gemm.weights + panel * (PANEL / UNIT) * groups * (int64_t)Kernel::BYTES;
        float* out = gemm.out + panel * PANEL;
        begin(gemm, panel, out);
        for (int64_t group = 0; group < groups; group += BLOCK_GROUPS) {
            const int here = (int)std::min<int64_t>(BLOCK_GROUPS, groups - group);
            for (int unit = 0; unit < PANEL / UNIT; ++unit) {
                multiply_unit(gemm, weights, group, here, out + unit * UNIT);
                weights += here * (int64_t)Kernel::BYTES;
            }
        }
    }

    static void begin(const Gemm& gemm, int64_t panel, float* out) {
        for (int64_t token = 0; token < gemm.tokens; ++token, out += gemm.width())
            for (int row = 0; row < PANEL; ++row)
                out[row] = gemm.bias ? gemm.bias[panel * PANEL + row] : 0.0f;
    }

    // Tiles of nearly equal size: 8 tokens are two tiles of 4 rather than one of 6 and one of 2. Their
    // sums lie side by side meanwhile, as rows of the output may lie at distances that all fall into
    // one set of the cache.
    static void multiply_unit(
        const Gemm& gemm, const uint8_t* weights, int64_t group, int groups, float* out) {
        alignas(64) float sums[MOST_TOKENS][UNIT];
        for (int64_t token = 0; token < gemm.tokens;) {
            const int64_t left = gemm.tokens - token;
            const int64_t tiles = (left + MOST_TOKENS - 1) / MOST_TOKENS;
            const int64_t size = (left + tiles - 1) / tiles;
            float* rows = out + token * gemm.width();
            for (int64_t i = 0; i < size; ++i) memcpy(sums[i], rows + i * gemm.width(), sizeof sums[i]);
            TILES[size](weights, Tile{gemm, group, groups, token, sums[0]});
            for (int64_t i = 0; i < size; ++i) memcpy(rows + i * gemm.width(), sums[i], sizeof sums[i]);
            token += size;
        }
    }
};
