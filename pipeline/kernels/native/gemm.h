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

// Where a thread's weights go on: from the end of its panel `gap` bytes further, as the other threads most
// likely take the panels between.
struct Stream {
    const uint8_t* end;
    int64_t gap;
};

// The groups of a unit that lie together, and the columns they begin with.
template <WeightFormat F>
struct Block {
    const uint8_t* scales;
    const Stream* stream;  // of which more is fetched, by the tile that comes first; else null
    int64_t first;         // group
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

    const int8_t* offsets() const {
        return (const int8_t*)scales + scale_bytes(F, groups) - offset_bytes(F, groups);
    }

    // The tile that comes first uses weights faster than the hardware foresees: it asks for what this
    // thread needs next, in so many PIECES while it works on a block, so that memory never rests. T
    // tokens need it two blocks later, beyond the end of the panel too; a lone one waits for memory in
    // any case, and asks for the next block alone. The innermost cache holds two blocks if they are
    // small; large ones wait in the next. The other tiles find it fetched.
    template <int PIECES, int T>
    ALWAYS_INLINE void fetch_ahead(int piece) const {
        constexpr int64_t whole = block_bytes(F, BLOCK_GROUPS), LINE = 64;
        constexpr int64_t share = pieces_of(whole, PIECES * LINE) * LINE;
        constexpr int LOCALITY = whole <= 4096 ? 3 : 2, BLOCKS = T > 1 ? 2 : 1;
        if (!stream) return;
        const uint8_t* from = scales + BLOCKS * whole + piece * share;
        if (from >= stream->end) {
            if (T == 1) return;
            from += stream->gap;
        }
        for (int64_t at = 0; at < share; at += LINE) __builtin_prefetch(from + at, 0, LOCALITY);
    }
};

// What a format is multiplied by: TOKENS of a tile, and of one that is ALONE; Sums<T>, which last for a
// block, of type Sum; add_group, which adds to them what some rows of a group make of T tokens; and
// add_block, which adds to the output, a panel's row for each token, what LANES of a block's sums amount
// to. A sum depends on its own row and token alone, whatever T is.
template <WeightFormat F>
struct GemmKernel;

namespace {  // so that nobody outside could put other functions in their place, and calls are direct

// A thread takes a panel for a strip of tokens: block by block, and in a block tile by tile, so that a
// tile's activations and a block's weights stay in the innermost cache, and the strip's sums near it.
template <WeightFormat F>
struct Multiply {
    using Kernel = GemmKernel<F>;
    static constexpr int STRIP = 64;

    static void run(ThreadPool& pool, const Gemm& gemm) {
        pool.run(gemm.panels(), [&](uint32_t panel) {
            multiply_panel(gemm, panel, 0, gemm.tokens, pool.threads());
        }, nanoseconds(gemm, gemm.tokens));
    }

    // The same of `ranges` of tokens that lie one behind the other, each by a matrix of its own; all
    // of these are as large as `gemm` says of one, and range i's is number matrix[i].
    static void run(
        ThreadPool& pool, const Gemm& gemm, const int32_t* matrix, const int32_t* starts,
        int64_t ranges) {
        const int64_t panels = gemm.panels(), bytes = matrix_bytes(F, gemm.rows, gemm.columns);
        pool.run(ranges * panels, [&](uint32_t chunk) {
            const int64_t range = chunk / panels;
            Gemm own = gemm;
            own.weights += matrix[range] * bytes;
            multiply_panel(
                own, chunk % panels, starts[range], starts[range + 1], pool.threads());
        }, nanoseconds(gemm, ranges ? gemm.tokens / ranges : 0));
    }

    // Of a panel, on a processor of our days.
    static double nanoseconds(const Gemm& gemm, int64_t tokens) {
        return (F.weight_bits / 256.0 + tokens / 64.0) * PANEL * gemm.columns;
    }

    static void multiply_panel(
        const Gemm& gemm, int64_t panel, int64_t begin, int64_t end, int threads) {
        const int64_t bytes = panel_bytes(F, pieces_of(gemm.columns, F.group));
        const uint8_t* weights = gemm.weights + panel * bytes;
        const Stream stream{weights + bytes, (threads - 1) * bytes};
        for (int64_t token = begin; token < end; token += STRIP)
            multiply_strip(
                gemm, panel, weights, token == begin ? &stream : nullptr, token,
                std::min<int64_t>(STRIP, end - token));
    }

    static void multiply_strip(
        const Gemm& gemm, int64_t panel, const uint8_t* weights, const Stream* stream,
        int64_t first, int64_t tokens) {
        const int64_t groups = pieces_of(gemm.columns, F.group);
        const Activations<F> input(gemm.activations, gemm.tokens, gemm.columns);
        alignas(64) float sums[STRIP][PANEL];
        begin(gemm, panel, tokens, sums);
        for (int64_t group = 0; group < groups; group += BLOCK_GROUPS) {
            const int here = (int)std::min<int64_t>(BLOCK_GROUPS, groups - group);
            for_tiles<Kernel::TOKENS, Kernel::ALONE>(tokens, [&]<int T>(int64_t token) {
                const Stream* its = token == 0 ? stream : nullptr;
                multiply_tile<T>({weights, its, group, here}, input, first + token, sums[token]);
            });
            weights += PANEL / UNIT * block_bytes(F, here);
        }
        float* out = gemm.out + first * gemm.width() + panel * PANEL;
        for (int64_t token = 0; token < tokens; ++token, out += gemm.width())
            std::copy_n(sums[token], PANEL, out);
    }

    static void begin(const Gemm& gemm, int64_t panel, int64_t tokens, float (*sums)[PANEL]) {
        for (int64_t token = 0; token < tokens; ++token)
            if (gemm.bias)
                std::copy_n(gemm.bias + panel * PANEL, PANEL, sums[token]);
            else
                std::fill_n(sums[token], PANEL, 0.0f);
    }

    // All units of a panel's block against T tokens, whose sums begin at `to`.
    template <int T>
    static void multiply_tile(
        Block<F> block, const Activations<F> input, int64_t token, float* to) {
        for (int unit = 0; unit < PANEL / UNIT; ++unit, to += UNIT) {
            multiply_unit<T>(block, input, token, to);
            block.scales += block_bytes(F, block.groups);
        }
    }

    template <int T>
    static ALWAYS_INLINE void multiply_unit(
        const Block<F>& block, const Activations<F>& input, int64_t token, float* to) {
        using Sums = typename Kernel::template Sums<T>;
        alignas(64) typename Kernel::Sum sums[T][UNIT];
        constexpr int ROWS = Sums::PARTS * Sums::ROWS;
        for (int first = 0; first < UNIT; first += ROWS) {
            Sums lasting;
            for (int group = 0; group < block.groups; ++group) {
                block.template fetch_ahead<UNIT / ROWS * BLOCK_GROUPS, T>(
                    first / ROWS * BLOCK_GROUPS + group);
                lasting.each_part(first, [&](int row, auto& part) {
                    Kernel::template add_group<T>(block, group, row, input, token, part);
                });
            }
            lasting.each_part(first, [&](int row, const auto& part) {
                part.each([&](int t, auto its) {
                    its.each([&](int r, auto sum) { store(sums[t] + row + r, sum); });
                });
            });
        }
        for (int row = 0; row < UNIT; row += LANES)
            Kernel::template add_block<T>(block, row, input, token, sums[0] + row, to + row);
    }
};

}  // namespace
