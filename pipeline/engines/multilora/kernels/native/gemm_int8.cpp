// int8 weights × int16 activations. Two columns of a row are neighbours, so that widened they are one
// 32-bit lane. A group's sum is exact: 64 · 127 · 32767 fits 32 bits.
#include "activations.h"
#include "gemm.h"
#include "kernels.h"

namespace {

struct KernelInt8 {
    static constexpr int GROUP = 64, SCALES = 2 * UNIT, BYTES = SCALES + GROUP * UNIT;
    using Pair = int16_t[2];
    using Operand = ActivationsInt16;

    struct Unpacked {
        i16x16 pairs[GROUP / 2][2];
        f32x8 scales[2];

        ALWAYS_INLINE explicit Unpacked(const uint8_t* from)
            : scales{load_half(from), load_half(from + UNIT)} {
            const uint8_t* w = from + SCALES;
            for (int pair = 0; pair < GROUP / 2; ++pair)
                for (int half = 0; half < 2; ++half, w += 16)
                    pairs[pair][half] = widen(load<i8x16>(w));
        }
    };

    template <int T>
    static ALWAYS_INLINE void add(
        const Unpacked& weights, const Operand& input, int64_t group, int64_t token, float* out) {
        const Pair* x = (const Pair*)input.at(group, token);
        const GroupScale* scales = &input.scale(group, token);
        Sums<i32x8, T> sums;
        for (int pair = 0; pair < GROUP / 2; ++pair)
            sums.add(weights.pairs[pair][0], weights.pairs[pair][1], x + pair, GROUP / 2);
        sums.each([&](int t, i32x8 low, i32x8 high) {
            add_scaled(low, high, scales[t].scale, weights.scales, out + t * UNIT);
        });
    }
};

}  // namespace

void multiply_int8(ThreadPool& pool, const Gemm& gemm) { Multiply<KernelInt8>::run(pool, gemm); }
