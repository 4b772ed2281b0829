// Activations as the matrices want them, by groups of columns, tokens side by side in a group:
//
//     values  [groups][tokens][columns of a group]   fp32 | int16 | int8
//     scales  [groups][tokens]                        of int16 and int8
//
// so that a tile's tokens lie together, and never at a distance that is a power of two.
#pragma once
#include <cstdint>

struct GroupScale {
    float scale;    // of the integers
    int32_t start;  // of a lane's two 16-bit sums: takes off what the weights' offset will bring in
};

template <class Value, int GROUP_>
struct Activations {
    static constexpr int GROUP = GROUP_;
    Value* values;
    GroupScale* scales;
    int64_t tokens, groups;

    Activations(const void* data, int64_t tokens, int64_t columns)
        : values((Value*)data), tokens(tokens), groups((columns + GROUP - 1) / GROUP) {
        scales = (GroupScale*)(values + groups * tokens * GROUP);
    }

    Value* at(int64_t group, int64_t token) const {
        return values + (group * tokens + token) * GROUP;
    }
    GroupScale& scale(int64_t group, int64_t token) const {
        return scales[group * tokens + token];
    }
};

using ActivationsFp32 = Activations<float, 64>;
using ActivationsInt16 = Activations<int16_t, 64>;
using ActivationsInt8 = Activations<int8_t, 32>;

// The input of matrices for a whole batch: as it is, and packed. `bits` are those of the weights.
struct Input {
    int bits;
    float* values;  // (tokens, columns)
    void* packed;
    int64_t tokens, columns;

    float* row(int64_t token) const { return values + token * columns; }

    // Packs the columns from `first` to `last` of one token. `first` is a multiple of 64, `last` too
    // unless it is the end.
    void pack(int64_t token, int64_t first, int64_t last) const;
    void pack(int64_t token) const { pack(token, 0, columns); }
};
