// AVX2 with FMA and F16C: vectors of 256 bits. What the operations compute is told in portable.h.
#pragma once
#include "vectors256.h"

namespace isa {

constexpr const char* NAME = "AVX2";
constexpr int FP32_TOKENS = 6, INT8_TOKENS = 12, INT8_A8_TOKENS = 12, INT4_TOKENS = 12;
constexpr int LORA_TOKENS = 4, QUERY_HEADS = 5;
constexpr int ACTIVATION_BITS = 16;

ALWAYS_INLINE void accumulate(Ints& sum, Shorts weights, const int16_t (*x)[2]) {
    Shorts value;
    asm("vpbroadcastd %3, %1\n\t"
        "vpmaddwd %1, %2, %1\n\t"
        "vpaddd %1, %0, %0"
        : "+x"(sum), "=&x"(value)
        : "x"(weights), "m"(*x));
}

// Two vectors of weights share a broadcast where that saves a sixth of the instructions.
ALWAYS_INLINE void accumulate(
    TwoVectors<Ints>& sum, TwoVectors<Shorts> weights, const int16_t (*x)[2]) {
    Shorts value, product;
    asm("vpbroadcastd %6, %2\n\t"
        "vpmaddwd %2, %4, %3\n\t"
        "vpmaddwd %2, %5, %2\n\t"
        "vpaddd %3, %0, %0\n\t"
        "vpaddd %2, %1, %1"
        : "+x"(sum.low), "+x"(sum.high), "=&x"(value), "=&x"(product)
        : "x"(weights.low), "x"(weights.high), "m"(*x));
}

// Products of a signed and an unsigned byte: a weight's sign goes to the activation. Two of them fit
// 16 bits, as no activation is beyond 127.
struct ByteWeights {
    Bytes value, magnitude;
};
ALWAYS_INLINE ByteWeights byte_weights(Bytes stored) {
    const __m256i value = (__m256i)(stored ^ 0x80);
    return {(Bytes)value, (Bytes)_mm256_abs_epi8(value)};
}
ALWAYS_INLINE int32_t byte_start(int32_t) { return 0; }
ALWAYS_INLINE void accumulate(Ints& sum, ByteWeights weights, const int8_t (*x)[4]) {
    const Shorts ones = Shorts{} + 1;
    Bytes value;
    asm("vpbroadcastd %5, %1\n\t"
        "vpsignb %2, %1, %1\n\t"
        "vpmaddubsw %1, %3, %1\n\t"
        "vpmaddwd %4, %1, %1\n\t"
        "vpaddd %1, %0, %0"
        : "+x"(sum), "=&x"(value)
        : "x"(weights.value), "x"(weights.magnitude), "x"(ones), "m"(*x));
}

using QuadSums = Shorts;
ALWAYS_INLINE int32_t quad_start(int32_t offset) { return (uint16_t)(offset / 2) * 0x10001u; }
ALWAYS_INLINE QuadSums quad_sums(int32_t start) { return (QuadSums)(start + Ints{}); }
ALWAYS_INLINE void accumulate(QuadSums& sum, Bytes weights, const int8_t (*x)[4]) {
    Bytes value;
    asm("vpbroadcastd %3, %1\n\t"
        "vpmaddubsw %1, %2, %1\n\t"
        "vpaddw %1, %0, %0"
        : "+x"(sum), "=&x"(value)
        : "x"(weights), "m"(*x));
}

ALWAYS_INLINE void accumulate(
    TwoVectors<QuadSums>& sum, TwoVectors<Bytes> weights, const int8_t (*x)[4]) {
    Shorts value, product;
    asm("vpbroadcastd %6, %2\n\t"
        "vpmaddubsw %2, %4, %3\n\t"
        "vpmaddubsw %2, %5, %2\n\t"
        "vpaddw %3, %0, %0\n\t"
        "vpaddw %2, %1, %1"
        : "+x"(sum.low), "+x"(sum.high), "=&x"(value), "=&x"(product)
        : "x"(weights.low), "x"(weights.high), "m"(*x));
}

// One instruction scales and adds a lane's two sums.
ALWAYS_INLINE Ints scaled(QuadSums sums, Ints sub_scales) {
    const Ints twice = (sub_scales & 0xffff) | (sub_scales << 16);
    return (Ints)_mm256_madd_epi16((__m256i)sums, (__m256i)twice);
}

}  // namespace isa
