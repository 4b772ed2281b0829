// Activations as the matrices want them, by groups of columns, tokens side by side in a group:
//
//     values  [groups][tokens][columns of a group]   fp32 | int16 | int8
//     scales  [blocks][tokens]                        of int16 and int8
//     starts  [groups][tokens]                        of int8
//
// so that a tile's tokens lie together, and never at a distance that is a power of two.
#pragma once
#include <cstdint>

#include "layout.h"

template <class Value, class Format>
struct Activations {
    static constexpr int GROUP = Format::GROUP, BLOCK = GROUP * BLOCK_GROUPS;
    Value* values;
    float* scales;    // of the integers
    int32_t* starts;  // of a lane's two 16-bit sums: take off what the weights' offset will bring in
    int64_t tokens;

    Activations(const void* data, int64_t tokens, int64_t columns)
        : values((Value*)data), tokens(tokens) {
        const int64_t groups = (columns + GROUP - 1) / GROUP, blocks = (columns + BLOCK - 1) / BLOCK;
        scales = (float*)(values + groups * tokens * GROUP);
        starts = (int32_t*)(scales + blocks * tokens);
    }

    Value* at(int64_t group, int64_t token) const {
        return values + (group * tokens + token) * GROUP;
    }
    float& scale(int64_t block, int64_t token) const { return scales[block * tokens + token]; }
    int32_t& start(int64_t group, int64_t token) const { return starts[group * tokens + token]; }
};

using ActivationsFp32 = Activations<float, Fp32>;
using ActivationsInt16 = Activations<int16_t, Int8>;
using ActivationsInt8 = Activations<int8_t, Int4>;

// The input of matrices for a whole batch: as it is, and packed. `bits` are those of the weights.
struct Input {
    int bits;
    float* values;  // (tokens, columns)
    void* packed;
    int64_t tokens, columns;
    int64_t count, size;  // numbers of `values`, bytes of `packed`

    float* row(int64_t token) const { return values + token * columns; }

    // Packs the columns from `first` to `last` of one token. `first` is a multiple of 512, `last` too
    // unless it is the end.
    void pack(int64_t token, int64_t first, int64_t last) const;
    void pack(int64_t token) const { pack(token, 0, columns); }
};
