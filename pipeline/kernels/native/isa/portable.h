// Vectors of 256 bits on any processor: the compiler makes of them whatever the machine has, and plain
// loops of the rest. What each operation must compute is told here.
#pragma once

namespace isa {

// The widest vectors that the compiler was allowed to use.
#if defined(__AVX__)
constexpr const char* NAME = "AVX";
#elif defined(__ARM_FEATURE_SVE)
constexpr const char* NAME = "SVE";
#elif defined(__ARM_NEON)
constexpr const char* NAME = "NEON";
#elif defined(__SSE4_2__)
constexpr const char* NAME = "SSE4_2";
#else
constexpr const char* NAME = "none";
#endif

// Rows of a matrix side by side, and tokens (of attention: query heads) whose sums are kept in registers.
constexpr int LANES = 8, REGISTERS = 16;
constexpr int FP32_TOKENS = 6, INT8_TOKENS = 12, INT8_A8_TOKENS = 12, INT4_TOKENS = 12;
constexpr int LORA_TOKENS = 4, QUERY_HEADS = 5;

// Of the activations that int8 weights are multiplied by fastest.
constexpr int ACTIVATION_BITS = 16;

using Floats = Vector<float, LANES>;
using Ints = Vector<int32_t, LANES>;
using Shorts = Vector<int16_t, 2 * LANES>;
using Bytes = Vector<uint8_t, 4 * LANES>;
using Unit = TwoVectors<Floats>;

// a · b + c; rounded once where the machine can.
ALWAYS_INLINE Floats multiply_add(Floats a, Floats b, Floats c) { return a * b + c; }

// LANES fp16 numbers as floats, signed bytes as 32-bit integers; 2 · LANES signed bytes as 16-bit ones.
ALWAYS_INLINE Floats load_floats(const Half* from) {
    Floats value;
    for (int lane = 0; lane < LANES; ++lane) value[lane] = (float)from[lane];
    return value;
}
ALWAYS_INLINE Ints load_ints(const int8_t* from) {
    Ints value;
    for (int lane = 0; lane < LANES; ++lane) value[lane] = from[lane];
    return value;
}
ALWAYS_INLINE Shorts load_shorts(const int8_t* from) {
    return __builtin_convertvector(load<Vector<int8_t, 2 * LANES>>(from), Shorts);
}

// The four steps that the matrix kernels spend their time in: the number(s) at `x` times vectors of
// weights, added to as many sums. fp32 weights of a unit:
ALWAYS_INLINE void accumulate(Unit& sum, Unit weights, const float* x) {
    sum.low += weights.low * *x;
    sum.high += weights.high * *x;
}

// 16-bit weights, two columns of a row in a 32-bit lane.
ALWAYS_INLINE void accumulate(Ints& sum, Shorts weights, const int16_t (*x)[2]) {
    for (int i = 0; i < 2 * LANES; ++i) sum[i / 2] += weights[i] * (*x)[i % 2];
}

// Unsigned bytes, four columns of a row in a 32-bit lane. `byte_weights` is what the processor makes of
// them once for all tokens. A lane's products, plus what byte_start makes of `offset` (−128 times the
// sum of the activations), are those of the bytes less 128: a processor that multiplies signed bytes
// takes 128 off in byte_weights, and starts with 0.
using ByteWeights = Bytes;
ALWAYS_INLINE ByteWeights byte_weights(Bytes stored) { return stored; }
ALWAYS_INLINE int32_t byte_start(int32_t offset) { return offset; }
ALWAYS_INLINE void accumulate(Ints& sum, ByteWeights weights, const int8_t (*x)[4]) {
    for (int i = 0; i < 4 * LANES; ++i) sum[i / 4] += weights[i] * (*x)[i % 4];
}

// The same of at most 4 bits. The sums are what suits the processor: here two of 16 bits a lane, which
// hold the products of a group of 32 columns if each begins with half of `offset` (−8 times the sum of
// the group's activations). quad_start makes of it what is kept beside the activations, once;
// quad_sums what the sums of a lane begin with. Where they are `Ints`, one function can be both steps.
using QuadSums = Shorts;
ALWAYS_INLINE int32_t quad_start(int32_t offset) { return (uint16_t)(offset / 2) * 0x10001u; }
ALWAYS_INLINE QuadSums quad_sums(int32_t start) { return (QuadSums)(start + Ints{}); }
ALWAYS_INLINE void accumulate(QuadSums& sum, Bytes weights, const int8_t (*x)[4]) {
    for (int i = 0; i < 4 * LANES; ++i) sum[i / 2] += weights[i] * (*x)[i % 4];
}

// Each lane's sum times its sub-scale, −127…127.
ALWAYS_INLINE Ints scaled(QuadSums sums, Ints sub_scales) {
    Ints result;
    for (int lane = 0; lane < LANES; ++lane)
        result[lane] = (sums[2 * lane] + sums[2 * lane + 1]) * sub_scales[lane];
    return result;
}

}  // namespace isa
