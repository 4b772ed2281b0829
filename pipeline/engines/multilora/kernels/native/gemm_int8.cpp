// int8 weights × int16 activations. Two columns of a row are neighbours, so that widened they are one
// 32-bit lane. A group's sum is exact: 64 · 127 · 32767 fits 32 bits.
#include "activations.h"
#include "gemm.h"
#include "kernels.h"

namespace {

struct KernelInt8 : Int8 {
    static constexpr int MOST_TOKENS = 12;
    using Operand = ActivationsInt16;
    using Pair = int16_t[2];

    template <int T>
    static void add(
        const Block<KernelInt8>& block, const Operand& input, int64_t token, float* out,
        int64_t width) {
        alignas(64) float totals[T][UNIT] = {};
        for (int group = 0; group < block.groups; ++group) {
            if (token == 0) block.fetch_ahead<T>(group);
            const Pair* x = (const Pair*)input.at(block.first + group, token);
            for (int row = 0; row < UNIT; row += 8)
                add_group<T>(block, group, row, x, totals[0] + row);
        }
        const float* scales = &input.scale(block.first / BLOCK_GROUPS, token);
        for (int t = 0; t < T; ++t, out += width)
            for (int row = 0; row < UNIT; row += 8) {
                const f32x8 total = load<f32x8>(totals[t] + row);
                store(out + row, multiply_add(total, broadcast(scales[t]), load<f32x8>(out + row)));
            }
    }

    template <int T>
    static ALWAYS_INLINE void add_group(
        const Block<KernelInt8>& block, int group, int row, const Pair* x, float* totals) {
        const uint8_t* weights = block.weights(group) + 2 * row;
        Sums<i32x8, T, 1> sums;
#pragma GCC unroll 4
        for (int pair = 0; pair < GROUP / 2; ++pair, weights += 2 * UNIT)
            sums.add(widen(load<i8x16>(weights)), x + pair, GROUP / 2);
        const f32x8 scale = load_half(block.scales + 2 * (group * UNIT + row));
        sums.each([&](int t, i32x8 sum) {
            float* to = totals + t * UNIT;
            store(to, multiply_add(to_float(sum), scale, load<f32x8>(to)));
        });
    }
};

}  // namespace

void multiply_int8(ThreadPool& pool, const Gemm& gemm) { Multiply<KernelInt8>::run(pool, gemm); }
