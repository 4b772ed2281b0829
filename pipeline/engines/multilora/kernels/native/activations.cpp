#include "activations.h"

#include <algorithm>

#include "vector.h"

namespace {

constexpr float ROUND = 12582912.0f;  // 1.5 · 2²³: what is added to it is rounded to whole numbers

// Largest magnitude over LIMIT is the scale. OFFSET is what was added to the weights to be met.
template <int LIMIT, int OFFSET, class Value, int GROUP>
GroupScale quantise(const float* from, Value* to) {
    f32x8 most{};
    for (int i = 0; i < GROUP; i += 8) most = maximum(most, magnitude(load<f32x8>(from + i)));
    const float scale = maximum_of(most) / LIMIT;
    const f32x8 inverse = broadcast(scale > 0 ? 1 / scale : 0), shift = broadcast(ROUND);
    i32x8 sum{};
    for (int i = 0; i < GROUP; i += 8) {
        const i32x8 levels = (i32x8)(load<f32x8>(from + i) * inverse + shift) - (i32x8)shift;
        sum += levels;
        typedef Value Packed __attribute__((vector_size(8 * sizeof(Value))));
        store(to + i, __builtin_convertvector(levels, Packed));
    }
    const uint16_t half = (uint16_t)(-OFFSET / 2 * sum_of(sum));
    return {scale, (int32_t)(half * 0x10001u)};
}

template <int GROUP, class PackGroup>
void each_group(
    const Input& input, int64_t token, int64_t first, int64_t last, const PackGroup& pack_group) {
    for (int64_t column = first; column < last; column += GROUP) {
        const float* from = input.row(token) + column;
        float padded[GROUP];
        if (last - column < GROUP) {
            std::fill(std::copy_n(from, last - column, padded), padded + GROUP, 0.0f);
            from = padded;
        }
        pack_group(from, column / GROUP);
    }
}

}  // namespace

void Input::pack(int64_t token, int64_t first, int64_t last) const {
    if (bits == 32) {
        const ActivationsFp32 to(packed, tokens, columns);
        each_group<to.GROUP>(*this, token, first, last, [&](const float* from, int64_t group) {
            std::copy_n(from, to.GROUP, to.at(group, token));
        });
    } else if (bits == 8) {
        const ActivationsInt16 to(packed, tokens, columns);
        each_group<to.GROUP>(*this, token, first, last, [&](const float* from, int64_t group) {
            to.scale(group, token) = quantise<32767, 0, int16_t, 64>(from, to.at(group, token));
        });
    } else {
        const ActivationsInt8 to(packed, tokens, columns);
        each_group<to.GROUP>(*this, token, first, last, [&](const float* from, int64_t group) {
            to.scale(group, token) = quantise<127, 8, int8_t, 32>(from, to.at(group, token));
        });
    }
}
