// int8 weights, 128 added to each, × int8 activations, four columns of a row in a 32-bit lane. Both have
// a scale for each group: its sum is exact (32 · 255 · 127 fits 32 bits), what the added 128 brings in
// is taken off, and the two scales turn it into a float.
#pragma once
#include "gemm.h"

template <>
struct GemmKernel<INT8_A8> {
    static constexpr int TOKENS = isa::INT8_A8_TOKENS, ALONE = TOKENS;
    using Sum = float;
    using Quad = int8_t[4];

    template <int T>
    using Sums = LastingSums<OneVector<Floats>, T>;

    template <int T>
    static ALWAYS_INLINE void add_group(
        const Block<INT8_A8>& block, int group, int row, const Activations<INT8_A8>& input,
        int64_t token, auto& sums) {
        constexpr int QUADS = INT8_A8.group / 4;
        const int64_t column_group = block.first + group;
        const Quad* x = (const Quad*)input.at(column_group, token);
        const float* scales = &input.scale(column_group, token);
        const int32_t* starts = &input.start(column_group, token);
        const uint8_t* weights = block.weights(group) + 4 * row;
        Accumulators<Ints, T> accumulators;
#pragma GCC unroll 8
        for (int quad = 0; quad < QUADS; ++quad, weights += 4 * UNIT)
            accumulators.add(isa::byte_weights(load<isa::Bytes>(weights)), x + quad, QUADS);
        const Floats scale = isa::load_floats((const Half*)block.scale(group, row));
        sums.with(accumulators, [&](int t, OneVector<Floats>& sum, Ints part) INLINED {
            const Floats whole = to_floats(part + starts[t]);
            sum.all = isa::multiply_add(whole, scale * scales[t], sum.all);
        });
    }

    template <int T>
    static ALWAYS_INLINE void add_block(
        const Block<INT8_A8>&, int, const Activations<INT8_A8>&, int64_t, const Sum* sums,
        float* out) {
        for (int t = 0; t < T; ++t, sums += UNIT, out += PANEL)
            store(out, load<Floats>(out) + load<Floats>(sums));
    }
};
