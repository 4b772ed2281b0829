// The instructions that avx512.h is written in, a function each: a test has the same in plain C++.
// `x` is one number in memory, or a few bytes, for all lanes: the instruction itself repeats it.
#pragma once
#include <immintrin.h>

namespace evex {

using Floats = Vector<float, 16>;
using Ints = Vector<int32_t, 16>;
using Shorts = Vector<int16_t, 32>;
using Bytes = Vector<uint8_t, 64>;

ALWAYS_INLINE Floats multiply_add(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }

ALWAYS_INLINE Floats load_floats(const Half* from) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)from));
}
ALWAYS_INLINE Ints load_ints(const int8_t* from) {
    return (Ints)_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)from));
}
ALWAYS_INLINE Shorts load_shorts(const int8_t* from) {
    return (Shorts)_mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i*)from));
}

// Each 32-bit lane: the products of its two pairs of 16-bit numbers, added up.
ALWAYS_INLINE Ints pair_products(Shorts a, Shorts b) {
    return (Ints)_mm512_madd_epi16((__m512i)a, (__m512i)b);
}

// Sums of products, one of floats a lane, two of signed 16-bit numbers, four of unsigned and signed
// bytes.
ALWAYS_INLINE void add_products(Floats& sum, Floats weights, const float* x) {
    asm("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(weights), "m"(*x));
}
ALWAYS_INLINE void add_products(Ints& sum, Shorts weights, const int16_t (*x)[2]) {
    asm("vpdpwssd %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(weights), "m"(*x));
}
ALWAYS_INLINE void add_products(Ints& sum, Bytes weights, const int8_t (*x)[4]) {
    asm("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(weights), "m"(*x));
}

}  // namespace evex
