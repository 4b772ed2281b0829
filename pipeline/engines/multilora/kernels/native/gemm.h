// Batch of activations × packed matrix: the loops that the three precisions share.
//
// The layout of a matrix is told in layout.py, that of activations in activations.h.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "thread_pool.h"
#include "vector.h"

constexpr int PANEL = 64, UNIT = 16, BLOCK = 512;
constexpr int MOST_TOKENS = 6, MOST_TILES = 8;  // of a tile, and that share what was unpacked

struct Gemm {
    const uint8_t* weights;
    const float* bias;         // or null
    const void* activations;   // as packed for this precision
    float* out;                // (tokens, width)
    int64_t tokens, rows, columns;

    int64_t panels() const { return (rows + PANEL - 1) / PANEL; }
    int64_t width() const { return panels() * PANEL; }
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

// Weights are read once from memory, faster than the hardware foresees: the first tokens of a unit ask
// for what comes this much later.
constexpr int AHEAD = 4096;

template <int BYTES>
ALWAYS_INLINE void prefetch(const uint8_t* from) {
    for (int line = 0; line < BYTES; line += 64) __builtin_prefetch(from + line);
}

// out (UNIT) += sums · scale of the activations · scales of the rows.
ALWAYS_INLINE void add_scaled(
    i32x8 low, i32x8 high, float scale, const f32x8 (&rows)[2], float* out) {
    const f32x8 by = broadcast(scale);
    store(out, multiply_add(to_float(low) * by, rows[0], load<f32x8>(out)));
    store(out + 8, multiply_add(to_float(high) * by, rows[1], load<f32x8>(out + 8)));
}

// A kernel says how many columns form a group, how many bytes a unit's group takes, how to unpack
// them, and adds to `out` (T tokens, UNIT) what the unpacked weights make of one group of T tokens. A
// sum depends on its own row and token alone, whatever T is.
template <class Kernel>
struct Multiply {
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
                multiply_unit(gemm, Block{weights, group, here}, out + unit * UNIT);
                weights += here * (int64_t)Kernel::BYTES;
            }
        }
    }

    static void begin(const Gemm& gemm, int64_t panel, float* out) {
        for (int64_t token = 0; token < gemm.tokens; ++token, out += gemm.width())
            for (int row = 0; row < PANEL; ++row)
                out[row] = gemm.bias ? gemm.bias[panel * PANEL + row] : 0.0f;
    }

    // The groups of a unit that lie together.
    struct Block {
        const uint8_t* weights;
        int64_t group;
        int groups;
    };

    // Tiles of nearly equal size, the larger ones first: 8 tokens are two tiles of 4 rather than one
    // of 6 and one of 2.
    static void multiply_unit(const Gemm& gemm, const Block& block, float* out) {
        for (int64_t token = 0; token < gemm.tokens;) {
            const int64_t left = gemm.tokens - token;
            const int64_t tiles = (left + MOST_TOKENS - 1) / MOST_TOKENS;
            const int64_t size = (left + tiles - 1) / tiles, larger = left - (size - 1) * tiles;
            const int64_t count = std::min<int64_t>(larger, MOST_TILES);
            TILES[size](gemm, block, token, count, out + token * gemm.width());
            token += count * size;
        }
    }

    // The sums lie side by side meanwhile, as rows of the output may lie at distances that all fall
    // into one set of the cache.
    template <int T>
    static void multiply_tiles(
        const Gemm& gemm, const Block& block, int64_t token, int64_t count, float* out) {
        const typename Kernel::Operand input(gemm.activations, gemm.tokens, gemm.columns);
        alignas(64) float sums[MOST_TILES * T][UNIT];
        for (int64_t i = 0; i < count * T; ++i) memcpy(sums[i], out + i * gemm.width(), sizeof sums[i]);
        const uint8_t* weights = block.weights;
        for (int group = 0; group < block.groups; ++group, weights += Kernel::BYTES) {
            if (token == 0) prefetch<Kernel::BYTES>(weights + AHEAD);
            const typename Kernel::Unpacked unpacked(weights);
            for (int64_t i = 0; i < count * T; i += T)
                Kernel::template add<T>(unpacked, input, block.group + group, token + i, sums[i]);
        }
        for (int64_t i = 0; i < count * T; ++i) memcpy(out + i * gemm.width(), sums[i], sizeof sums[i]);
    }

    using Function = void (*)(
        const Gemm& gemm, const Block& block, int64_t token, int64_t count, float* out);
    static constexpr Function TILES[MOST_TOKENS + 1] = {
        nullptr,           multiply_tiles<1>, multiply_tiles<2>, multiply_tiles<3>,
        multiply_tiles<4>, multiply_tiles<5>, multiply_tiles<6>,
    };
};
