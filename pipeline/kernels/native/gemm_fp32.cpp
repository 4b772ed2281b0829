// fp32 weights: a vector holds 8 rows of one column. Each group is summed on its own before it is
// added, which keeps long sums accurate.
#include "activations.h"
#include "gemm.h"
#include "kernels.h"

namespace {

struct KernelFp32 : Fp32 {
    static constexpr int MOST_TOKENS = 6, ROWS = 16;
    using Operand = ActivationsFp32;
    using Sum = float;

    template <int T>
    static ALWAYS_INLINE void add_group(
        const Block<KernelFp32>& block, int group, int, const Operand& input, int64_t token,
        Sum* to) {
        const uint8_t* weights = block.weights(group);
        const float* x = input.at(block.first + group, token);
        Sums<f32x8, T, 2> sums;
        for (int column = 0; column < GROUP; ++column, weights += UNIT * 4)
            sums.add(load<f32x8>(weights), load<f32x8>(weights + 32), x + column, GROUP);
        sums.each([&](int t, f32x8 low, f32x8 high) {
            Sum* its = to + t * UNIT;
            store(its, load<f32x8>(its) + low);
            store(its + 8, load<f32x8>(its + 8) + high);
        });
    }

    static ALWAYS_INLINE void add_block(
        const Block<KernelFp32>&, int, const Operand&, int64_t, const Sum* sums, float* out) {
        store(out, load<f32x8>(out) + load<f32x8>(sums));
    }
};

}  // namespace

void multiply_fp32(ThreadPool& pool, const Gemm& gemm) { Multiply<KernelFp32>::run(pool, gemm); }
