// int8 weights × int16 activations. Two columns of a row are neighbours, so that widened they are one
// 32-bit lane. A group's sum is exact: 64 · 127 · 32767 fits 32 bits.
#pragma once
#include "gemm.h"

template <>
struct GemmKernel<INT8> {
    static constexpr int TOKENS = isa::INT8_TOKENS, ROWS = LANES;
    using Sum = float;
    using Pair = int16_t[2];

    template <int T>
    static ALWAYS_INLINE void add_group(
        const Block<INT8>& block, int group, int row, const Activations<INT8>& input,
        int64_t token, Sum* to) {
        constexpr int PAIRS = INT8.group / 2;
        const Pair* x = (const Pair*)input.at(block.first + group, token);
        const int8_t* weights = (const int8_t*)block.weights(group) + 2 * row;
        Accumulators<Ints, T> accumulators;
#pragma GCC unroll 4
        for (int pair = 0; pair < PAIRS; ++pair, weights += 2 * UNIT)
            accumulators.add(isa::load_shorts(weights), x + pair, PAIRS);
        const Floats scale = isa::load_floats((const Half*)block.scale(group, row));
        accumulators.each([&](int t, Ints sum) {
            Sum* its = to + t * UNIT;
            store(its, isa::multiply_add(to_floats(sum), scale, load<Floats>(its)));
        });
    }

    template <int T>
    static ALWAYS_INLINE void add_block(
        const Block<INT8>& block, int, const Activations<INT8>& input, int64_t token,
        const Sum* sums, float* out) {
        const float* scales = &input.scale(block.first, token);
        for (int t = 0; t < T; ++t, sums += UNIT, out += PANEL) {
            const Floats scale = broadcast(scales[t]);
            store(out, isa::multiply_add(load<Floats>(sums), scale, load<Floats>(out)));
        }
    }
};
