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
    using Operand = ActivationsInt8;

    struct Unpacked {
        u8x32 quads[GROUP / 4][2];
        f32x8 scales[2];

        ALWAYS_INLINE explicit Unpacked(const uint8_t* from)
            : scales{load_half(from), load_half(from + UNIT)} {
            const uint8_t* w = from + SCALES;
            for (int quad = 0; quad < GROUP / 4; quad += 2)
                for (int half = 0; half < 2; ++half, w += 32) {
                    quads[quad][half] = load<u8x32>(w) & 15;
                    quads[quad + 1][half] = (u8x32)(load<i16x16>(w) >> 4) & 15;
                }
        }
    };

    template <int T>
    static ALWAYS_INLINE void add(
        const Unpacked& weights, const Operand& input, int64_t group, int64_t token, float* out) {
        const Quad* x = (const Quad*)input.at(group, token);
        const GroupScale* scales = &input.scale(group, token);
        Sums<i16x16, T> sums([&](int t) { return (i16x16)broadcast(scales[t].start); });
        for (int quad = 0; quad < GROUP / 4; ++quad)
            sums.add(weights.quads[quad][0], weights.quads[quad][1], x + quad, GROUP / 4);
        sums.each([&](int t, i16x16 low, i16x16 high) {
            add_scaled(
                pair_sums(low), pair_sums(high), scales[t].scale, weights.scales, out + t * UNIT);
        });
    }
};

}  // namespace

void multiply_int4(ThreadPool& pool, const Gemm& gemm) { Multiply<KernelInt4>::run(pool, gemm); }
