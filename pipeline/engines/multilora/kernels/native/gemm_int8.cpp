// int8 weights × int16 activations. Two columns of a row are neighbours, so that widened they are one
// 32-bit lane. A group's sum is exact: 64 · 127 · 32767 fits 32 bits.
#include "activations.h"
#include "gemm.h"
#include "kernels.h"

namespace {

struct KernelInt8 {
    static constexpr int GROUP = 64, SCALES = 2 * UNIT, BYTES = SCALES + GROUP * UNIT;
    using Pair = int16_t[2];

    template <int T>
    static void tile(const uint8_t* weights, const Tile& tile) {
        const Gemm& gemm = tile.gemm;
        const ActivationsInt16 input(gemm.activations, gemm.tokens, gemm.columns);
        for (int group = 0; group < tile.groups; ++group, weights += BYTES) {
            const Pair* x = (const Pair*)input.at(tile.group + group, tile.token);
            if (tile.token == 0) prefetch<BYTES>(weights + AHEAD);
            const GroupScale* scales = &input.scale(tile.group + group, tile.token);
            Sums<i32x8, T> sums;
            const uint8_t* w = weights + SCALES;
            for (int pair = 0; pair < GROUP / 2; ++pair, w += 2 * UNIT)
                sums.add(widen(load<i8x16>(w)), widen(load<i8x16>(w + 16)), x + pair, GROUP / 2);
            const f32x8 s0 = load_half(weights), s1 = load_half(weights + 16);
            sums.each([&](int token, i32x8 low, i32x8 high) {
                float* out = tile.out + token * UNIT;
                const f32x8 by = broadcast(scales[token].scale);
                store(out, multiply_add(to_float(low) * by, s0, load<f32x8>(out)));
                store(out + 8, multiply_add(to_float(high) * by, s1, load<f32x8>(out + 8)));
            });
        }
    }
};

}  // namespace

void multiply_int8(ThreadPool& pool, const Gemm& gemm) { Multiply<KernelInt8>::run(pool, gemm); }
