// int8 weights × int16 activations. Two columns of a row are neighbours, so that widened they are one
// 32-bit lane. A group's sum is exact: 64 · 127 · 32767 fits 32 bits.
#pragma once
#include "gemm.h"

template <>
struct GemmKernel<INT8> {
    using Pair = int16_t[2];
    using Rows = TileRows<Ints, isa::Shorts, Pair, isa::INT8_TOKENS>;
    static constexpr int TOKENS = Rows::TOKENS, ALONE = Rows::ALONE;
    using Sum = float;

    template <int T>
    using Sums = LastingSums<typename Rows::template Vectors<T, Floats>, T>;

    template <int T>
    static ALWAYS_INLINE void add_group(
        const Block<INT8>& block, int group, int row, const Activations<INT8>& input, int64_t token,
        auto& sums) {
        using Weights = typename Rows::template Vectors<T, isa::Shorts>;
        using Parts = typename Rows::template Vectors<T, Ints>;
        using Scales = typename Rows::template Vectors<T, Floats>;
        constexpr int PAIRS = INT8.group / 2;
        const Pair* x = (const Pair*)input.at(block.first + group, token);
        const int8_t* weights = (const int8_t*)block.weights(group) + 2 * row;
        Accumulators<Parts, T> accumulators;
#pragma GCC unroll 4
        for (int pair = 0; pair < PAIRS; ++pair, weights += 2 * UNIT)
            accumulators.add(
                Weights::of([&](int r) { return isa::load_shorts(weights + 2 * r); }), x + pair,
                PAIRS);
        const auto scales = Scales::of(
            [&](int r) { return isa::load_floats((const Half*)block.scale(group, row + r)); });
        sums.with(accumulators, [&](int, auto& its, Parts parts) INLINED {
            parts.each([&](int r, Ints part) {
                Floats& sum = vector_at(its, r);
                sum = isa::multiply_add(to_floats(part), vector_at(scales, r), sum);
            });
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
