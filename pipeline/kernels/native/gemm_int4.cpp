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
    static constexpr int MOST_TOKENS = 12, ROWS = 8;
    using Operand = ActivationsInt8;
    using Sum = int32_t;
    using Quad = int8_t[4];

    template <int T>
    static ALWAYS_INLINE void add_group(
        const Block<KernelInt4>& block, int group, int row, const Operand& input, int64_t token,
        Sum* to) {
        const Quad* x = (const Quad*)input.at(block.first + group, token);
        const int32_t* starts = &input.start(block.first + group, token);
        const uint8_t* weights = block.weights(group) + 4 * row;
        Sums<i16x16, T, 1> sums([&](int t) { return (i16x16)broadcast(starts[t]); });
        for (int quad = 0; quad < GROUP / 4; quad += 2, weights += 4 * UNIT) {
            const i16x16 octets = load<i16x16>(weights);
            sums.add((u8x32)octets & 15, x + quad, GROUP / 4);
            sums.add((u8x32)(octets >> 4) & 15, x + quad + 1, GROUP / 4);
        }
        const i16x16 shares = twice(load_bytes(block.scales + (2 + group) * UNIT + row));
        sums.each([&](int t, i16x16 sum) {
            Sum* its = to + t * UNIT;
            store(its, load<i32x8>(its) + pair_products(sum, shares));
        });
    }

    static ALWAYS_INLINE void add_block(
        const Block<KernelInt4>& block, int row, const Operand& input, int64_t token,
        const Sum* sums, float* out) {
        const float scale = input.scale(block.first / BLOCK_GROUPS, token);
        const f32x8 largest = load_half(block.scales + 2 * row) * (scale / 127);
        store(out, multiply_add(to_float(load<i32x8>(sums)), largest, load<f32x8>(out)));
    }
};

}  // namespace

void multiply_int4(ThreadPool& pool, const Gemm& gemm) { Multiply<KernelInt4>::run(pool, gemm); }
