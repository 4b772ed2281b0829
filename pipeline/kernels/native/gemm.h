// Batch of activations × packed matrix: the loops that all formats share.
//
// The layout of a matrix is told in layout.py, that of activations in activations.h.
#pragma once
#include "activations.h"
#include "thread_pool.h"
#include "tiles.h"

struct Gemm {
    const uint8_t* weights;
    const float* bias;        // or null
    const void* activations;  // as packed for the matrix's format
    float* out;               // (tokens, width)
    int64_t tokens, rows, columns;

    int64_t panels() const { return pieces_of(rows, PANEL); }
    int64_t width() const { return panels() * PANEL; }
};

// The groups of a unit that lie together, and the columns they begin with.
template <WeightFormat F>
struct Block {
    const uint8_t* scales;
    int64_t first;  // group
    int groups;

    const uint8_t* weights(int group) const {
        return scales + scale_bytes(F, groups) + group * group_bytes(F);
    }

    // A row's scale for the block, and for one of its groups.
    const uint8_t* block_scale(int row) const { return scales + row * (F.block_scale_bits / 8); }
    const uint8_t* scale(int group, int row) const {
        return scales + UNIT * (F.block_scale_bits / 8) +
               (group * UNIT + row) * (F.scale_bits / 8);
    }

    // Few tokens use weights faster than the hardware foresees: they ask for what comes this much
    // later. More tokens would only be held up by asking.
    static constexpr int AHEAD = 4096, FEW = 6;

    template <int T>
    ALWAYS_INLINE void fetch_ahead(int group) const {
        const uint8_t* from = weights(group) + AHEAD;
        for (int line = 0; T <= FEW && line < group_bytes(F); line += 64)
            __builtin_prefetch(from + line);
    }
};

// What a format is multiplied by: TOKENS and ROWS of a tile, the type of its sums, add_group, which adds
// to the sums what a group of such rows makes of T tokens, and add_block, which adds to the output what
// LANES of a block's sums amount to. A sum depends on its own row and token alone, whatever T is.
template <WeightFormat F>
struct GemmKernel;

namespace {  // so that nobody outside could put other functions in their place, and calls are direct

template <WeightFormat F>
struct Multiply {
    using Kernel = GemmKernel<F>;

    static void run(ThreadPool& pool, const Gemm& gemm) {
        pool.run(gemm.panels(), [&](uint32_t panel) { multiply_panel(gemm, panel); });
    }

    static void multiply_panel(const Gemm& gemm, int64_t panel) {
        const int64_t groups = pieces_of(gemm.columns, F.group);
        const uint8_t* weights = gemm.weights + panel * panel_bytes(F, groups);
        float* out = gemm.out + panel * PANEL;
        begin(gemm, panel, out);
        for (int64_t group = 0; group < groups; group += BLOCK_GROUPS) {
            const int here = (int)std::min<int64_t>(BLOCK_GROUPS, groups - group);
            for (int unit = 0; unit < PANEL / UNIT; ++unit) {
                multiply_unit(gemm, Block<F>{weights, group, here}, out + unit * UNIT);
                weights += block_bytes(F, here);
            }
        }
    }

    static void begin(const Gemm& gemm, int64_t panel, float* out) {
        for (int64_t token = 0; token < gemm.tokens; ++token, out += gemm.width())
            for (int row = 0; row < PANEL; ++row)
                out[row] = gemm.bias ? gemm.bias[panel * PANEL + row] : 0.0f;
    }

    static void multiply_unit(const Gemm& gemm, const Block<F>& block, float* out) {
        const Activations<F> input(gemm.activations, gemm.tokens, gemm.columns);
        const int64_t width = gemm.width();
        for_tiles<Kernel::TOKENS>(gemm.tokens, [&]<int T>(int64_t token) {
            multiply_tile<T>(block, input, token, out + token * width, width);
        });
    }

    // The sums lie side by side meanwhile, as rows of the output may lie at distances that all fall
    // into one set of the cache.
    template <int T>
    static void multiply_tile(
        const Block<F> block, const Activations<F> input, int64_t token, float* out,
        int64_t width) {
        alignas(64) typename Kernel::Sum sums[T][UNIT] = {};
        for (int group = 0; group < block.groups; ++group) {
            if (token == 0) block.template fetch_ahead<T>(group);
            for (int row = 0; row < UNIT; row += Kernel::ROWS)
                Kernel::template add_group<T>(block, group, row, input, token, sums[0] + row);
        }
        for (int t = 0; t < T; ++t, out += width)
            for (int row = 0; row < UNIT; row += LANES)
                Kernel::add_block(block, row, input, token + t, sums[t] + row, out + row);
    }
};

}  // namespace
