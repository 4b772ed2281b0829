// int4 weights, 8 added to each, × int8 activations. Eight columns of a row are one 32-bit lane:
// columns 0 to 3 in the low halves of its bytes, 4 to 7 in the high ones. Products are summed in
// 16 bits over the group. What the added 8 brings in is taken off beforehand, half of it in each of a
// lane's two sums: one ends within 16 · 127 · (11 + 4), and 16 bits hold that. A scale is a whole
// share of its block's largest, so that one instruction widens, scales and adds a lane's two sums, and
// a block's sum is exact: 8 · 2 · 32767 · 127 fits 32 bits.
#include "activations.h"
#include "gemm.h"
#include "kernels.h"

namespace {

struct KernelInt4 : Int4 {
    static constexpr int MOST_TOKENS = 12;
    using Operand = ActivationsInt8;
    using Quad = int8_t[4];

    template <int T>
    static void add(
        const Block<KernelInt4>& block, const Operand& input, int64_t token, float* out,
        int64_t width) {
        alignas(64) int32_t totals[T][UNIT] = {};
        for (int group = 0; group < block.groups; ++group) {
            if (token == 0) block.fetch_ahead<T>(group);
            const Quad* x = (const Quad*)input.at(block.first + group, token);
            const int32_t* starts = &input.start(block.first + group, token);
            for (int row = 0; row < UNIT; row += 8)
                add_group<T>(block, group, row, x, starts, totals[0] + row);
        }
        const float* scales = &input.scale(block.first / BLOCK_GROUPS, token);
        for (int t = 0; t < T; ++t, out += width)
            for (int row = 0; row < UNIT; row += 8) {
                const f32x8 scale = load_half(block.scales + 2 * row) * (scales[t] / 127);
                const f32x8 total = to_float(load<i32x8>(totals[t] + row));
                store(out + row, multiply_add(total, scale, load<f32x8>(out + row)));
            }
    }

    template <int T>
    static ALWAYS_INLINE void add_group(
        const Block<KernelInt4>& block, int group, int row, const Quad* x, const int32_t* starts,
        int32_t* totals) {
        const uint8_t* weights = block.weights(group) + 4 * row;
        Sums<i16x16, T, 1> sums([&](int t) { return (i16x16)broadcast(starts[t]); });
        for (int quad = 0; quad < GROUP / 4; quad += 2, weights += 4 * UNIT) {
            const i16x16 octets = load<i16x16>(weights);
            sums.add((u8x32)octets & 15, x + quad, GROUP / 4);
            sums.add((u8x32)(octets >> 4) & 15, x + quad + 1, GROUP / 4);
        }
        const i16x16 shares = twice(load_bytes(block.scales + (2 + group) * UNIT + row));
        sums.each([&](int t, i16x16 sum) {
            int32_t* to = totals + t * UNIT;
            store(to, load<i32x8>(to) + pair_products(sum, shares));
        });
    }
};

}  // namespace

void multiply_int4(ThreadPool& pool, const Gemm& gemm) { Multiply<KernelInt4>::run(pool, gemm); }
