// int4 weights, 8 added to each, × int8 activations. Eight columns of a row are one 32-bit lane:
// columns 0 to 3 in the low halves of its bytes, 4 to 7 in the high ones. Products are summed in
// 16 bits over the group and widened once. What the added 8 brings in is taken off beforehand, half
// of it in each of a lane's two sums: one ends within 16 · 127 · (11 + 4), and 16 bits hold that.
#include "activations.h"
#include "gemm.h"
#include "kernels.h"

namespace {

struct KernelInt4 {
    static constexpr int GROUP = 32, SCALES = 2 * UNIT, BYTES = SCALES + GROUP * UNIT / 2;
    using Quad = int8_t[4];

    template <int T>
    static void tile(const uint8_t* weights, const Tile& tile) {
        const Gemm& gemm = tile.gemm;
        const ActivationsInt8 input(gemm.activations, gemm.tokens, gemm.columns);
        for (int group = 0; group < tile.groups; ++group, weights += BYTES) {
            const Quad* x = (const Quad*)input.at(tile.group + group, tile.token);
            if (tile.token == 0) prefetch<BYTES>(weights + AHEAD);
            const GroupScale* scales = &input.scale(tile.group + group, tile.token);
            Sums<i16x16, T> sums([&](int token) { return (i16x16)broadcast(scales[token].start); });
            const uint8_t* w = weights + SCALES;
            for (int quad = 0; quad < GROUP / 4; quad += 2, w += 4 * UNIT) {
                sums.add(low_half(w), low_half(w + 32), x + quad, GROUP / 4);
                sums.add(high_half(w), high_half(w + 32), x + quad + 1, GROUP / 4);
            }
            const f32x8 s0 = load_half(weights), s1 = load_half(weights + 16);
            sums.each([&](int token, i16x16 low, i16x16 high) {
                float* out = tile.out + token * UNIT;
                const f32x8 by = broadcast(scales[token].scale);
                const f32x8 v0 = to_float(pair_sums(low)) * by;
                const f32x8 v1 = to_float(pair_sums(high)) * by;
                store(out, multiply_add(v0, s0, load<f32x8>(out)));
                store(out + 8, multiply_add(v1, s1, load<f32x8>(out + 8)));
            });
        }
    }

    static ALWAYS_INLINE u8x32 low_half(const uint8_t* w) { return load<u8x32>(w) & 15; }
    static ALWAYS_INLINE u8x32 high_half(const uint8_t* w) {
        return (u8x32)(load<i16x16>(w) >> 4) & 15;
    }
};

}  // namespace

void multiply_int4(ThreadPool& pool, const Gemm& gemm) { Multiply<KernelInt4>::run(pool, gemm); }
