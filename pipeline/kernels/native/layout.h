// Sizes of what a packed matrix consists of; layout.py tells where each weight lies.
#pragma once
#include <cstddef>
#include <iterator>
#include <type_traits>

#include "abi.h"
#include "isa/types.h"

constexpr int64_t pieces_of(int64_t count, int64_t piece) { return (count + piece - 1) / piece; }

// Numbers of so many bits.
template <int BITS>
using Number = std::conditional_t<
    BITS == 32, float, std::conditional_t<BITS == 16, int16_t, int8_t>>;

// An adapter's, a key's or a value's.
template <auto F>
using StoredNumber = std::conditional_t<
    F.bits == 32, float, std::conditional_t<F.bits == 16, Half, int8_t>>;

// Levels that so many bits tell apart, symmetric unless a zero point shifts them.
constexpr int highest_level(int bits) { return (1 << (bits - 1)) - 1; }
constexpr int lowest_level(WeightFormat format) {
    return format.zero_point ? -format.zero_point : -highest_level(format.weight_bits);
}

constexpr int block_columns(WeightFormat format) { return format.group * BLOCK_GROUPS; }

// Of a unit's group, of the offsets and of all the scales that come before several groups, and of a
// unit's block with both. Offsets of two groups lie side by side in a row.
constexpr int group_bytes(WeightFormat format) {
    return format.group * UNIT * format.weight_bits / 8;
}
constexpr int64_t offset_bytes(WeightFormat format, int64_t groups) {
    return pieces_of(groups, 2) * 2 * UNIT * (format.offset_bits / 8);
}
constexpr int64_t scale_bytes(WeightFormat format, int64_t groups) {
    return UNIT * (format.block_scale_bits / 8 + groups * (format.scale_bits / 8)) +
           offset_bytes(format, groups);
}
constexpr int64_t block_bytes(WeightFormat format, int64_t groups) {
    return scale_bytes(format, groups) + groups * group_bytes(format);
}

// Of a panel of so many groups, block by block.
constexpr int64_t panel_bytes(WeightFormat format, int64_t groups) {
    const int64_t rest = groups % BLOCK_GROUPS;
    const int64_t whole = groups / BLOCK_GROUPS * block_bytes(format, BLOCK_GROUPS);
    return PANEL / UNIT * (whole + (rest ? block_bytes(format, rest) : 0));
}

constexpr int64_t matrix_bytes(WeightFormat format, int64_t rows, int64_t columns) {
    return pieces_of(rows, PANEL) * panel_bytes(format, pieces_of(columns, format.group));
}

// Of activations packed for a format's matrices, see activations.h.
constexpr int64_t input_bytes(WeightFormat format, int64_t tokens, int64_t columns) {
    const int64_t groups = pieces_of(columns, format.group);
    const int64_t scaled = pieces_of(groups, format.activation_groups);
    const int64_t values = groups * format.group * (format.activation_bits / 8);
    const int64_t scales = format.scale_bits ? scaled * sizeof(float) : 0;
    const int64_t starts = format.zero_point ? groups * sizeof(int32_t) : 0;
    const int64_t sums =
        format.offset_bits ? pieces_of(groups, BLOCK_GROUPS) * BLOCK_GROUPS * sizeof(int16_t) : 0;
    return tokens * (values + scales + starts + sums);
}

// Of a matrix of an adapter, its scales included.
constexpr int64_t lora_scale_bytes(NumberFormat format, int64_t rows) {
    return pieces_of(rows, UNIT) * UNIT * (format.scale_bits / 8);
}
constexpr int64_t lora_bytes(NumberFormat format, int64_t rows, int64_t columns) {
    return lora_scale_bytes(format, rows) +
           pieces_of(rows, UNIT) * UNIT * columns * (format.bits / 8);
}

// Of the factors of an adapter's rows, or of their summands.
constexpr int64_t affine_bytes(int64_t rows) { return pieces_of(rows, UNIT) * UNIT * sizeof(float); }

// Whether there is a format of that number, and what `use` makes of it as a constant.
template <class Format, size_t COUNT>
constexpr bool is_known(const Format (&)[COUNT], int64_t number) {
    return 0 <= number && number < (int64_t)COUNT;
}

template <const auto& FORMATS, int N = 0, class Use>
[[gnu::always_inline]] inline auto with_format(int64_t number, const Use& use) {
    if constexpr (N + 1 < (int)std::size(FORMATS))
        if (number != N) return with_format<FORMATS, N + 1>(number, use);
    return use.template operator()<FORMATS[N]>();
}
template <class Use>
[[gnu::always_inline]] inline auto with_weight_format(int64_t number, const Use& use) {
    return with_format<WEIGHT_FORMATS>(number, use);
}
template <class Use>
[[gnu::always_inline]] inline auto with_number_format(int64_t number, const Use& use) {
    return with_format<NUMBER_FORMATS>(number, use);
}
