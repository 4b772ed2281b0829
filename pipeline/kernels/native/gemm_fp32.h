// fp32 weights: a lane holds one row's of one column. Each group is summed on its own before it is
// added, which keeps long sums accurate.
#pragma once
#include "gemm.h"

template <>
struct GemmKernel<FP32> {
    static constexpr int TOKENS = isa::FP32_TOKENS, ALONE = TOKENS;
    using Sum = float;
    template <int T>
    using Sums = LastingSums<Unit, T>;

    template <int T>
    static ALWAYS_INLINE void add_group(
        const Block<FP32>& block, int group, int, const Activations<FP32>& input, int64_t token,
        auto& sums) {
        const float* weights = (const float*)block.weights(group);
        const float* x = input.at(block.first + group, token);
        Accumulators<Unit, T> accumulators;
        for (int column = 0; column < FP32.group; ++column, weights += UNIT)
            accumulators.add(load_unit(weights), x + column, FP32.group);
        sums.with(accumulators, [&](int, Unit& sum, Unit part) { sum += part; });
    }

    template <int T>
    static ALWAYS_INLINE void add_block(
        const Block<FP32>&, int, const Activations<FP32>&, int64_t, const Sum* sums, float* out) {
        for (int t = 0; t < T; ++t, sums += UNIT, out += PANEL)
            store(out, load<Floats>(out) + load<Floats>(sums));
    }
};
