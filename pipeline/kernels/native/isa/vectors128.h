// What NEON with dot products gives to neon.h and neon_i8mm.h: vectors of 128 bits, of which four are a
// unit.
#pragma once
#include <arm_neon.h>

namespace isa {

constexpr int LANES = 4, REGISTERS = 32;
constexpr int FP32_TOKENS = 5, INT8_TOKENS = 12, INT8_A8_TOKENS = 12, INT4_TOKENS = 12;
constexpr int LORA_TOKENS = 5, QUERY_HEADS = 5;
constexpr int ACTIVATION_BITS = 8;

using Floats = Vector<float, LANES>;
using Ints = Vector<int32_t, LANES>;
using Shorts = Vector<int16_t, 2 * LANES>;
using Bytes = Vector<uint8_t, 4 * LANES>;
using Unit = FourVectors<Floats>;

ALWAYS_INLINE Floats multiply_add(Floats a, Floats b, Floats c) {
    return (Floats)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}

ALWAYS_INLINE Floats load_floats(const Half* from) {
    return (Floats)vcvt_f32_f16(vld1_f16(from));
}
ALWAYS_INLINE Ints load_ints(const int8_t* from) {
    return __builtin_convertvector(load<Vector<int8_t, LANES>>(from), Ints);
}

// The first columns of all rows, then the second ones, as accumulate wants them.
ALWAYS_INLINE Shorts load_shorts(const int8_t* from) {
    const int8x8_t pairs = vld1_s8(from);
    return (Shorts)vmovl_s8(vuzp1_s8(pairs, vext_s8(pairs, pairs, 1)));
}

ALWAYS_INLINE void accumulate(Unit& sum, Unit weights, const float* x) {
    const Floats value = (Floats)vld1q_dup_f32(x);
    sum.first = multiply_add(weights.first, value, sum.first);
    sum.second = multiply_add(weights.second, value, sum.second);
    sum.third = multiply_add(weights.third, value, sum.third);
    sum.fourth = multiply_add(weights.fourth, value, sum.fourth);
}

ALWAYS_INLINE void accumulate(Ints& sum, Shorts weights, const int16_t (*x)[2]) {
    const int16x4_t pair = vreinterpret_s16_s32(vld1_dup_s32((const int32_t*)x));
    const int32x4_t first = vmlal_lane_s16((int32x4_t)sum, vget_low_s16((int16x8_t)weights), pair, 0);
    sum = (Ints)vmlal_high_lane_s16(first, (int16x8_t)weights, pair, 1);
}

// A few activations for all lanes.
ALWAYS_INLINE int8x16_t quad(const int8_t (*x)[4]) {
    return vreinterpretq_s8_s32(vld1q_dup_s32((const int32_t*)x));
}

using QuadSums = Ints;
ALWAYS_INLINE int32_t quad_start(int32_t offset) { return offset; }
ALWAYS_INLINE QuadSums quad_sums(int32_t start) { return start + Ints{}; }

ALWAYS_INLINE Ints scaled(QuadSums sums, Ints sub_scales) { return sums * sub_scales; }

}  // namespace isa
