// int8 weights × int16 activations. Two columns of a row are neighbours, so that widened they are one
// 32-bit lane. A group's sum is exact: 64 · 127 · 32767 fits 32 bits.
#include "activations.h"
#include "gemm.h"
#include "kernels.h"

namespace {

struct KernelInt8 : Int8 {
    static constexpr int MOST_TOKENS = 12, ROWS = 8;
    using Operand = ActivationsInt16;
    using Sum = float;
    using Pair = int16_t[2];

    template <int T>
    static ALWAYS_INLINE void add_group(
        const Block<KernelInt8>& block, int group, int row, const Operand& input, int64_t token,
        Sum* to) {
        const Pair* x = (const Pair*)input.at(block.first + group, token);
        const uint8_t* weights = block.weights(group) + 2 * row;
        Sums<i32x8, T, 1> sums;
#pragma GCC unroll 4
        for (int pair = 0; pair < GROUP / 2; ++pair, weights += 2 * UNIT)
            sums.add(widen(load<i8x16>(weights)), x + pair, GROUP / 2);
        const f32x8 scale = load_half(block.scales + 2 * (group * UNIT + row));
        sums.each([&](int t, i32x8 sum) {
            Sum* its = to + t * UNIT;
            store(its, multiply_add(to_float(sum), scale, load<f32x8>(its)));
        });
    }

    static ALWAYS_INLINE void add_block(
        const Block<KernelInt8>& block, int, const Operand& input, int64_t token, const Sum* sums,
        float* out) {
        const f32x8 scale = broadcast(input.scale(block.first / BLOCK_GROUPS, token));
        store(out, multiply_add(load<f32x8>(sums), scale, load<f32x8>(out)));
    }
};

}  // namespace

void multiply_int8(ThreadPool& pool, const Gemm& gemm) { Multiply<KernelInt8>::run(pool, gemm); }
