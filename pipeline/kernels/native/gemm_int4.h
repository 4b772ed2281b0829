// int4 weights, 8 added to each, × int8 activations. Eight columns of a row are one 32-bit lane:
// columns 0 to 3 in the low halves of its bytes, 4 to 7 in the high ones. Products are summed in
// 16 bits over the group. What the added 8 brings in is taken off beforehand, half of it in each of a
// lane's two sums: one ends within 16 · 127 · (11 + 4), and 16 bits hold that. A scale is a whole
// share of its block's, so that one instruction widens, scales and adds a lane's two sums; an offset
// is a whole number of such shares, times a group's sum of activations. So a block's sum is exact:
// 8 · (2 · 32767 · 127 + 127 · 4 · 32 · 127) fits 32 bits.
#pragma once
#include "gemm.h"

template <>
struct GemmKernel<INT4> {
    using Quad = int8_t[4];
    using Pair = int16_t[2];
    using Rows = TileRows<isa::QuadSums, isa::Bytes, Quad, isa::INT4_TOKENS>;
    static constexpr int TOKENS = Rows::TOKENS, ALONE = Rows::ALONE;
    using Sum = int32_t;

    template <int T>
    using Sums = LastingSums<typename Rows::template Vectors<T, Ints>, T>;

    template <int T>
    static ALWAYS_INLINE void add_group(
        const Block<INT4>& block, int group, int row, const Activations<INT4>& input, int64_t token,
        auto& sums) {
        using Octets = typename Rows::template Vectors<T, isa::Shorts>;
        using Weights = typename Rows::template Vectors<T, isa::Bytes>;
        using Parts = typename Rows::template Vectors<T, isa::QuadSums>;
        using Scales = typename Rows::template Vectors<T, Ints>;
        constexpr int QUADS = INT4.group / 4;
        const Quad* x = (const Quad*)input.at(block.first + group, token);
        const int32_t* starts = &input.start(block.first + group, token);
        const uint8_t* weights = block.weights(group) + 4 * row;
        Accumulators<Parts, T> accumulators(
            [&](int t) { return Parts::of([&](int) { return isa::quad_sums(starts[t]); }); });
        for (int quad = 0; quad < QUADS; quad += 2, weights += 4 * UNIT) {
            const auto octets = Octets::of([&](int r) { return load<isa::Shorts>(weights + 4 * r); });
            const auto low = Weights::of([&](int r) { return (isa::Bytes)vector_at(octets, r) & 15; });
            accumulators.add(low, x + quad, QUADS);
            const auto high = Weights::of(
                [&](int r) { return (isa::Bytes)(vector_at(octets, r) >> 4) & 15; });
            accumulators.add(high, x + quad + 1, QUADS);
        }
        const auto sub_scales = Scales::of(
            [&](int r) { return isa::load_ints((const int8_t*)block.scale(group, row + r)); });
        sums.with(accumulators, [&](int, auto& its, Parts parts) INLINED {
            parts.each([&](int r, isa::QuadSums part) {
                vector_at(its, r) += isa::scaled(part, vector_at(sub_scales, r));
            });
        });
    }

    // Offsets two groups at a time, as if they were 16-bit weights and the groups' sums the activations.
    template <int T>
    static ALWAYS_INLINE void add_block(
        const Block<INT4>& block, int row, const Activations<INT4>& input, int64_t token,
        const Sum* sums, float* out) {
        constexpr int PAIRS = BLOCK_GROUPS / 2;
        const Pair* x = (const Pair*)input.sums_of(block.first / BLOCK_GROUPS, token);
        const int8_t* offsets = block.offsets() + 2 * row;
        Accumulators<Ints, T> accumulators;
        for (int pair = 0; 2 * pair < block.groups; ++pair, offsets += 2 * UNIT)
            accumulators.add(isa::load_shorts(offsets), x + pair, PAIRS);
        const float* scales = &input.scale(block.first, token);
        const Floats share =
            isa::load_floats((const Half*)block.block_scale(row)) * (1.0f / SHARES);
        accumulators.each([&](int t, Ints sum) {
            const Floats whole = to_floats(load<Ints>(sums + t * UNIT) + sum);
            float* its = out + t * PANEL;
            store(its, isa::multiply_add(whole, share * scales[t], load<Floats>(its)));
        });
    }

    static constexpr int SHARES = highest_level(INT4.scale_bits);
    static_assert(OFFSET_SHARES * INT4.group * 127 <= 32767, "a group's sum fits 16 bits");
};
