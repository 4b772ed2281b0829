// The paged pool of keys and values, (layers, blocks, kv heads, ...) each: keys transposed, (head width,
// 16 positions), so that 16 scores of a head are a unit's vectors; values (16 positions, padded head
// width), so that 16 outputs are.
#pragma once
#include "layout.h"

static_assert(KV_BLOCK == UNIT);

// Width of a head in the pool of values.
inline int64_t padded_width(const HeadShape& heads) { return pieces_of(heads.width, UNIT) * UNIT; }

// Of one key head in one block.
struct KvBlock {
    float *keys, *values;
};

// One layer's part of the pool, as the sequences of a step see it.
struct KvLayer {
    const Forward& forward;
    int64_t layer;
    const HeadShape& heads;

    // Where a token's sequence has that position.
    KvBlock block(int64_t token, int64_t position, int64_t head) const {
        const int32_t* table = forward.block_table + forward.sequences[token] * forward.table_width;
        const int64_t block = table[position / KV_BLOCK];
        const int64_t at = (layer * forward.blocks + block) * heads.keys + head;
        return {forward.keys + at * heads.width * KV_BLOCK,
                forward.values + at * padded_width(heads) * KV_BLOCK};
    }
};
