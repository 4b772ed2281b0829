// NEON with dot products of signed bytes, which weights of 4 bits are, too; those of 8 bits become so.
// What the operations compute is told in portable.h.
#pragma once
#include "vectors128.h"

namespace isa {

constexpr const char* NAME = "DOTPROD";

using ByteWeights = Bytes;
ALWAYS_INLINE ByteWeights byte_weights(Bytes stored) { return stored ^ 128; }
ALWAYS_INLINE int32_t byte_start(int32_t) { return 0; }

// One instruction is the step of int8 and of int4 weights.
ALWAYS_INLINE void accumulate(Ints& sum, Bytes weights, const int8_t (*x)[4]) {
    sum = (Ints)vdotq_s32((int32x4_t)sum, (int8x16_t)weights, quad(x));
}

}  // namespace isa
