#include "activations.h"

#include <algorithm>

#include "vector.h"

namespace {

constexpr float ROUND = 12582912.0f;  // 1.5 · 2²³: what is added to it is rounded to whole numbers

// Writes a group's integers; returns their sum.
template <int GROUP, class Value>
int32_t quantise(const float* from, float inverse_scale, Value* to) {
    const f32x8 inverse = broadcast(inverse_scale), shift = broadcast(ROUND);
    i32x8 sum{};
    for (int i = 0; i < GROUP; i += 8) {
        const i32x8 levels = (i32x8)(load<f32x8>(from + i) * inverse + shift) - (i32x8)shift;
        sum += levels;
        typedef Value Packed __attribute__((vector_size(8 * sizeof(Value))));
        store(to + i, __builtin_convertvector(levels, Packed));
    }
    return sum_of(sum);
}

// Largest magnitude of a block over LIMIT is its scale. OFFSET is what was added to the weights to be
// met.
template <int LIMIT, int OFFSET>
struct Quantise {
    template <class To>
    static void block(
        const To& to, const float* from, int64_t groups, int64_t block, int64_t token) {
        const float scale = largest_magnitude(from, groups * To::GROUP) / LIMIT;
        to.scale(block, token) = scale;
        for (int64_t i = 0; i < groups; ++i, from += To::GROUP) {
            const int64_t group = block * BLOCK_GROUPS + i;
            const int32_t sum =
                quantise<To::GROUP>(from, scale > 0 ? 1 / scale : 0, to.at(group, token));
            if (OFFSET) to.start(group, token) = (uint16_t)(-OFFSET / 2 * sum) * 0x10001u;
        }
    }
};

struct Copy {
    template <class To>
    static void block(
        const To& to, const float* from, int64_t groups, int64_t block, int64_t token) {
        for (int64_t i = 0; i < groups; ++i)
            std::copy_n(from + i * To::GROUP, To::GROUP, to.at(block * BLOCK_GROUPS + i, token));
    }
};

// Block by block, the last one filled up to whole groups with zeros.
template <class To, class Pack>
void pack_columns(const Input& input, int64_t token, int64_t first, int64_t last) {
    const To to(input.packed, input.tokens, input.columns);
    for (int64_t column = first; column < last; column += To::BLOCK) {
        const float* from = input.row(token) + column;
        const int64_t count = std::min<int64_t>(To::BLOCK, last - column);
        const int64_t groups = (count + To::GROUP - 1) / To::GROUP;
        float padded[To::BLOCK];
        if (count % To::GROUP) {
            std::fill(std::copy_n(from, count, padded), padded + groups * To::GROUP, 0.0f);
            from = padded;
        }
        Pack::block(to, from, groups, column / To::BLOCK, token);
    }
}

}  // namespace

void Input::pack(int64_t token, int64_t first, int64_t last) const {
    if (bits == 32) return pack_columns<ActivationsFp32, Copy>(*this, token, first, last);
    if (bits == 8)
        return pack_columns<ActivationsInt16, Quantise<32767, 0>>(*this, token, first, last);
    pack_columns<ActivationsInt8, Quantise<127, 8>>(*this, token, first, last);
}
