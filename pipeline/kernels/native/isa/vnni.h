// What VNNI makes of bytes, whatever the width of vectors: avx512.h and avxvnni.h include it between
// their vectors and their steps. What the operations compute is told in portable.h.
#pragma once

namespace isa {

// One instruction is the step of int8 and of int4 weights: products of four unsigned and four signed bytes,
// and their sum in 32 bits. So weights are taken as stored, and sums begin with the whole offset.
using ByteWeights = Bytes;
ALWAYS_INLINE ByteWeights byte_weights(Bytes stored) { return stored; }
ALWAYS_INLINE int32_t byte_start(int32_t offset) { return offset; }

using QuadSums = Ints;
ALWAYS_INLINE int32_t quad_start(int32_t offset) { return offset; }
ALWAYS_INLINE QuadSums quad_sums(int32_t start) { return start + Ints{}; }

}  // namespace isa
