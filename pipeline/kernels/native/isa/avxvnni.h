// AVX-VNNI beside AVX2: vectors of 256 bits, and one instruction for products of integers and their
// sums. What the operations compute is told in portable.h.
#pragma once
#include "vectors256.h"
#include "vnni.h"

namespace isa {

constexpr const char* NAME = "AVX_VNNI";
constexpr int FP32_TOKENS = 6, INT8_TOKENS = 12, INT8_A8_TOKENS = 12, INT4_TOKENS = 12;
constexpr int LORA_TOKENS = 4, QUERY_HEADS = 5;
constexpr int ACTIVATION_BITS = 8;

ALWAYS_INLINE void accumulate(Ints& sum, Shorts weights, const int16_t (*x)[2]) {
    Shorts value;
    asm("vpbroadcastd %3, %1\n\t"
        "%{vex%} vpdpwssd %1, %2, %0"
        : "+x"(sum), "=&x"(value)
        : "x"(weights), "m"(*x));
}

// Two vectors of weights share a broadcast, which saves a quarter of the instructions.
ALWAYS_INLINE void accumulate(
    TwoVectors<Ints>& sum, TwoVectors<Shorts> weights, const int16_t (*x)[2]) {
    Shorts value;
    asm("vpbroadcastd %5, %2\n\t"
        "%{vex%} vpdpwssd %2, %3, %0\n\t"
        "%{vex%} vpdpwssd %2, %4, %1"
        : "+&x"(sum.low), "+&x"(sum.high), "=&x"(value)
        : "x"(weights.low), "x"(weights.high), "m"(*x));
}

ALWAYS_INLINE void accumulate(Ints& sum, Bytes weights, const int8_t (*x)[4]) {
    Bytes value;
    asm("vpbroadcastd %3, %1\n\t"
        "%{vex%} vpdpbusd %1, %2, %0"
        : "+x"(sum), "=&x"(value)
        : "x"(weights), "m"(*x));
}

ALWAYS_INLINE void accumulate(
    TwoVectors<Ints>& sum, TwoVectors<Bytes> weights, const int8_t (*x)[4]) {
    Bytes value;
    asm("vpbroadcastd %5, %2\n\t"
        "%{vex%} vpdpbusd %2, %3, %0\n\t"
        "%{vex%} vpdpbusd %2, %4, %1"
        : "+&x"(sum.low), "+&x"(sum.high), "=&x"(value)
        : "x"(weights.low), "x"(weights.high), "m"(*x));
}

// A group's sum is within 32 · 8 · 127 and so fits the lower half of its lane, which is all that is
// multiplied: of integers of 32 bits a product takes more than twice as long.
ALWAYS_INLINE Ints scaled(QuadSums sums, Ints sub_scales) {
    return (Ints)_mm256_madd_epi16((__m256i)sums, (__m256i)(sub_scales & 0xffff));
}

}  // namespace isa
