// What AVX2, FMA and F16C give to avx2.h and avxvnni.h: vectors of 256 bits, of which two are a unit.
#pragma once
#include <immintrin.h>

namespace isa {

constexpr int LANES = 8, REGISTERS = 16;
using Floats = Vector<float, LANES>;
using Ints = Vector<int32_t, LANES>;
using Shorts = Vector<int16_t, 2 * LANES>;
using Bytes = Vector<uint8_t, 4 * LANES>;
using Unit = TwoVectors<Floats>;

ALWAYS_INLINE Floats multiply_add(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }

ALWAYS_INLINE Floats load_floats(const Half* from) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)from));
}
ALWAYS_INLINE Ints load_ints(const int8_t* from) {
    return (Ints)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)from));
}
ALWAYS_INLINE Shorts load_shorts(const int8_t* from) {
    return (Shorts)_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)from));
}

// Each step is one block of assembly, as compilers otherwise move products away from their sums and
// run out of registers.
ALWAYS_INLINE void accumulate(Unit& sum, Unit weights, const float* x) {
    Floats value;
    asm("vbroadcastss %5, %2\n\t"
        "vfmadd231ps %2, %3, %0\n\t"
        "vfmadd231ps %2, %4, %1"
        : "+x"(sum.low), "+x"(sum.high), "=&x"(value)
        : "x"(weights.low), "x"(weights.high), "m"(*x));
}

}  // namespace isa
