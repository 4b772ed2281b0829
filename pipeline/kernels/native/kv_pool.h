// The paged pool of keys and values: (blocks, layers, kv heads), and of each
//
//     keys          (head width, 16 positions)          transposed, so that 16 scores are a unit's vectors
//     their scales  (16 positions)                       fp32, where the format has some
//     values        (16 positions, padded head width)   so that 16 outputs are a unit's vectors
//     their scales  (16 positions)
#pragma once
#include "layout.h"

static_assert(KV_BLOCK == UNIT);

// Width of a head among the values.
inline int64_t padded_width(const HeadShape& heads) { return pieces_of(heads.width, UNIT) * UNIT; }

// A block's keys or values of one key head.
constexpr int64_t kv_bytes(NumberFormat format, int64_t width) {
    return KV_BLOCK * (width * (format.bits / 8) + format.scale_bits / 8);
}
inline int64_t kv_head_bytes(NumberFormat format, const HeadShape& heads) {
    return kv_bytes(format, heads.width) + kv_bytes(format, padded_width(heads));
}
inline int64_t kv_block_bytes(const Forward& forward, const HeadShape& heads) {
    return forward.layers * heads.keys * kv_head_bytes(NUMBER_FORMATS[forward.kv_format], heads);
}

template <NumberFormat F>
struct KvHead {
    StoredNumber<F> *keys, *values;
    float *key_scales, *value_scales;
};

// One layer's part of the pool, as the sequences of a step see it.
template <NumberFormat F>
struct KvLayer {
    const Forward& forward;
    int64_t layer;
    const HeadShape& heads;

    // A key head in the block where a token's sequence has that position.
    KvHead<F> head(int64_t token, int64_t position, int64_t number) const {
        const int32_t* table = forward.block_table + forward.sequences[token] * forward.table_width;
        const int64_t block = table[position / KV_BLOCK];
        const int64_t at = (block * forward.layers + layer) * heads.keys + number;
        uint8_t* keys = forward.pool + at * kv_head_bytes(F, heads);
        uint8_t* values = keys + kv_bytes(F, heads.width);
        uint8_t* end = values + kv_bytes(F, padded_width(heads));
        constexpr int64_t scales = KV_BLOCK * F.scale_bits / 8;
        return {(StoredNumber<F>*)keys, (StoredNumber<F>*)values, (float*)(values - scales), (float*)(end - scales)};
    }
};
