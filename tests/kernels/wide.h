// An instruction set in one file, for test_builds.py: 16 lanes, of which a unit is one vector, and sums
// of int4 weights in 32 bits.
#pragma once

namespace isa {

constexpr const char* NAME = "none";
constexpr int LANES = 16;
constexpr int FP32_TOKENS = 2, INT8_TOKENS = 3, INT8_A8_TOKENS = 4, INT4_TOKENS = 5;
constexpr int LORA_TOKENS = 3, QUERY_HEADS = 2;
constexpr int ACTIVATION_BITS = 8;

using Floats = Vector<float, LANES>;
using Ints = Vector<int32_t, LANES>;
using Shorts = Vector<int16_t, 2 * LANES>;
using Bytes = Vector<uint8_t, 4 * LANES>;
using Unit = OneVector<Floats>;

ALWAYS_INLINE Floats multiply_add(Floats a, Floats b, Floats c) { return a * b + c; }

template <class V, class Number>
ALWAYS_INLINE V converted(const Number* from) {
    V value;
    for (int i = 0; i < (int)(sizeof value / sizeof value[0]); ++i) value[i] = from[i];
    return value;
}
ALWAYS_INLINE Floats load_floats(const _Float16* from) { return converted<Floats>(from); }
ALWAYS_INLINE Ints load_ints(const int8_t* from) { return converted<Ints>(from); }
ALWAYS_INLINE Shorts load_shorts(const int8_t* from) { return converted<Shorts>(from); }

ALWAYS_INLINE void accumulate(Unit& sum, Unit weights, const float* x) {
    sum.all += weights.all * *x;
}
ALWAYS_INLINE void accumulate(Ints& sum, Shorts weights, const int16_t (*x)[2]) {
    for (int i = 0; i < 2 * LANES; ++i) sum[i / 2] += weights[i] * (*x)[i % 2];
}

using QuadSums = Ints;
ALWAYS_INLINE int32_t quad_start(int32_t offset) { return offset; }
ALWAYS_INLINE QuadSums quad_sums(int32_t start) { return start + QuadSums{}; }

using ByteWeights = Bytes;
ALWAYS_INLINE ByteWeights byte_weights(Bytes stored) { return stored; }
ALWAYS_INLINE int32_t byte_start(int32_t offset) { return offset; }
// Both of 4 and of 8 bits.
ALWAYS_INLINE void accumulate(QuadSums& sum, Bytes weights, const int8_t (*x)[4]) {
    for (int i = 0; i < 4 * LANES; ++i) sum[i / 4] += weights[i] * (*x)[i % 4];
}
ALWAYS_INLINE Ints scaled(QuadSums sums, Ints sub_scales) { return sums * sub_scales; }

}  // namespace isa
