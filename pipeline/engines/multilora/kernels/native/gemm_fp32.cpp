// fp32 weights: a vector holds 8 rows of one column. Each group is summed on its own before it is
// added, which keeps long sums accurate.
#include "activations.h"
#include "gemm.h"
#include "kernels.h"

namespace {

struct KernelFp32 {
    static constexpr int GROUP = 64, BYTES = GROUP * UNIT * 4;

    using Operand = ActivationsFp32;

    struct Unpacked {
        const uint8_t* columns;
        explicit Unpacked(const uint8_t* from) : columns(from) {}
    };

    template <int T>
    static ALWAYS_INLINE void add(
        const Unpacked& weights, const Operand& input, int64_t group, int64_t token, float* out) {
        const float* x = input.at(group, token);
        const uint8_t* w = weights.columns;
        Sums<f32x8, T> sums;
        for (int column = 0; column < GROUP; ++column, w += UNIT * 4)
            sums.add(load<f32x8>(w), load<f32x8>(w + 32), x + column, GROUP);
        sums.each([&](int t, f32x8 low, f32x8 high) {
            store(out + t * UNIT, load<f32x8>(out + t * UNIT) + low);
            store(out + t * UNIT + 8, load<f32x8>(out + t * UNIT + 8) + high);
        });
    }
};

}  // namespace

void multiply_fp32(ThreadPool& pool, const Gemm& gemm) { Multiply<KernelFp32>::run(pool, gemm); }
