// fp32 weights: a vector holds 8 rows of one column. Each group is summed on its own before it is
// added, which keeps long sums accurate.
#include "activations.h"
#include "gemm.h"
#include "kernels.h"

namespace {

struct KernelFp32 : Fp32 {
    static constexpr int MOST_TOKENS = 6;
    using Operand = ActivationsFp32;

    template <int T>
    static void add(
        const Block<KernelFp32>& block, const Operand& input, int64_t token, float* out,
        int64_t width) {
        alignas(64) float totals[T][UNIT] = {};
        for (int group = 0; group < block.groups; ++group) {
            if (token == 0) block.fetch_ahead<T>(group);
            const uint8_t* weights = block.weights(group);
            const float* x = input.at(block.first + group, token);
            Sums<f32x8, T, 2> sums;
            for (int column = 0; column < GROUP; ++column, weights += UNIT * 4)
                sums.add(load<f32x8>(weights), load<f32x8>(weights + 32), x + column, GROUP);
            sums.each([&](int t, f32x8 low, f32x8 high) {
                store(totals[t], load<f32x8>(totals[t]) + low);
                store(totals[t] + 8, load<f32x8>(totals[t] + 8) + high);
            });
        }
        for (int t = 0; t < T; ++t) add_to(out + t * width, totals[t], UNIT);
    }
};

}  // namespace

void multiply_fp32(ThreadPool& pool, const Gemm& gemm) { Multiply<KernelFp32>::run(pool, gemm); }
