// fp32 weights: a vector holds 8 rows of one column. Each block is summed on its own before it is
// added, which keeps long sums accurate.
#include "activations.h"
#include "gemm.h"
#include "kernels.h"

namespace {

struct KernelFp32 {
    static constexpr int GROUP = 64, BYTES = GROUP * UNIT * 4;

    template <int T>
    static void tile(const uint8_t* weights, const Tile& tile) {
        const Gemm& gemm = tile.gemm;
        const ActivationsFp32 input(gemm.activations, gemm.tokens, gemm.columns);
        Sums<f32x8, T> sums;
        for (int group = 0; group < tile.groups; ++group) {
            if (tile.token == 0) prefetch<BYTES>(weights + AHEAD);
            const float* x = input.at(tile.group + group, tile.token);
            for (int column = 0; column < GROUP; ++column, weights += UNIT * 4)
                sums.add(load<f32x8>(weights), load<f32x8>(weights + 32), x + column, GROUP);
        }
        sums.each([&](int token, f32x8 low, f32x8 high) {
            float* out = tile.out + token * UNIT;
            store(out, load<f32x8>(out) + low);
            store(out + 8, load<f32x8>(out + 8) + high);
        });
    }
};

}  // namespace

void multiply_fp32(ThreadPool& pool, const Gemm& gemm) { Multiply<KernelFp32>::run(pool, gemm); }
