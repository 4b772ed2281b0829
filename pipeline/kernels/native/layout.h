// Sizes of what a packed matrix consists of; layout.py tells where each weight lies.
#pragma once
#include <cstdint>

constexpr int PANEL = 64, UNIT = 16;
constexpr int BLOCK_GROUPS = 8;  // of a block, whose activations share a scale

// Of each format: columns of a group, bytes of a unit's group, and those of the scales of several.
struct Fp32 {
    static constexpr int GROUP = 64, BYTES = GROUP * UNIT * 4;
    static constexpr int64_t scale_bytes(int64_t) { return 0; }
};
struct Int8 {  // fp16 scales, one for each row and group
    static constexpr int GROUP = 64, BYTES = GROUP * UNIT;
    static constexpr int64_t scale_bytes(int64_t groups) { return groups * 2 * UNIT; }
};
struct Int4 {  // the block's largest scales, fp16, then the groups' shares of it in 127ths, int8
    static constexpr int GROUP = 32, BYTES = GROUP * UNIT / 2;
    static constexpr int64_t scale_bytes(int64_t groups) { return (2 + groups) * UNIT; }
};

// Of a unit's block.
template <class Format>
constexpr int64_t block_bytes(int64_t groups) {
    return Format::scale_bytes(groups) + groups * Format::BYTES;
}

// Of a panel of so many groups, block by block.
template <class Format>
constexpr int64_t panel_bytes(int64_t groups) {
    const int64_t rest = groups % BLOCK_GROUPS;
    const int64_t units = groups / BLOCK_GROUPS * block_bytes<Format>(BLOCK_GROUPS) +
                          (rest ? block_bytes<Format>(rest) : 0);
    return PANEL / UNIT * units;
}
