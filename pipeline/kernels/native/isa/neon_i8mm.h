// NEON with dot products of unsigned and signed bytes, which came with the products of 8-bit matrices
// (i8mm). What the operations compute is told in portable.h.
#pragma once
#include "vectors128.h"

namespace isa {

constexpr const char* NAME = "MATMUL_INT8";

using ByteWeights = Bytes;
ALWAYS_INLINE ByteWeights byte_weights(Bytes stored) { return stored; }
ALWAYS_INLINE int32_t byte_start(int32_t offset) { return offset; }

// One instruction is the step of int8 and of int4 weights.
ALWAYS_INLINE void accumulate(Ints& sum, Bytes weights, const int8_t (*x)[4]) {
    sum = (Ints)vusdotq_s32((int32x4_t)sum, (uint8x16_t)weights, quad(x));
}

}  // namespace isa
