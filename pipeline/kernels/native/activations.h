// Activations as the matrices of a format want them, by groups of columns, tokens side by side in a
// group:
//
//     values  [groups][tokens][columns of a group]   fp32 | int16 | int8
//     scales  [groups / activation_groups][tokens]    of the integers
//     starts  [groups][tokens]                        where the weights have a zero point
//     sums    [blocks][tokens][groups of a block]     where they have offsets
//
// so that a tile's tokens lie together, and never at a distance that is a power of two.
#pragma once
#include "layout.h"

template <WeightFormat F>
struct Activations {
    using Value = Number<F.activation_bits>;
    Value* values;
    float* scales;
    int32_t* starts;  // take off what the zero point will bring in, as the instruction set wants it
    int16_t* sums;    // of a group's activations, times OFFSET_SHARES
    int64_t tokens;

    Activations(const void* data, int64_t tokens, int64_t columns)
        : values((Value*)data), tokens(tokens) {
        const int64_t groups = pieces_of(columns, F.group);
        scales = (float*)(values + groups * tokens * F.group);
        starts = (int32_t*)(scales + pieces_of(groups, F.activation_groups) * tokens);
        sums = (int16_t*)(starts + groups * tokens);
    }

    Value* at(int64_t group, int64_t token) const {
        return values + (group * tokens + token) * F.group;
    }
    float& scale(int64_t group, int64_t token) const {
        return scales[group / F.activation_groups * tokens + token];
    }
    int32_t& start(int64_t group, int64_t token) const { return starts[group * tokens + token]; }
    int16_t* sums_of(int64_t block, int64_t token) const {
        return sums + (block * tokens + token) * BLOCK_GROUPS;
    }
};

inline float* row_of(const Input& input, int64_t token) {
    return input.values + token * input.columns;
}

// Packs the columns from `first` to `last` of one token. `first` is a multiple of any format's block of
// columns, `last` too unless it is the end.
void pack_input(const Input& input, int64_t token, int64_t first, int64_t last);
inline void pack_input(const Input& input, int64_t token) {
    pack_input(input, token, 0, input.columns);
}

// A token's row, packed as it is in another input of the same format and columns.
void copy_packed(const Input& from, int64_t token, const Input& to, int64_t row);

template <class Use>
constexpr bool all_formats(const Use& use) {
    for (const WeightFormat& format : WEIGHT_FORMATS)
        if (!use(format)) return false;
    return true;
}
static_assert(all_formats([](WeightFormat f) { return GATE_CHUNK % block_columns(f) == 0; }));
