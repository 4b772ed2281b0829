// Vectors of 256 bits: GCC's own arithmetic on them, and the few instructions that it can't express.
// Without AVX2 the same code compiles to whatever the machine has, and to plain loops for the rest.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#ifdef __AVX2__
#include <immintrin.h>
#endif

typedef float f32x8 __attribute__((vector_size(32)));
typedef int32_t i32x8 __attribute__((vector_size(32)));
typedef int16_t i16x16 __attribute__((vector_size(32)));
typedef int8_t i8x16 __attribute__((vector_size(16)));
typedef int8_t i8x32 __attribute__((vector_size(32)));
typedef uint8_t u8x32 __attribute__((vector_size(32)));

#define ALWAYS_INLINE inline __attribute__((always_inline))

template <class V>
ALWAYS_INLINE V load(const void* from) {
    V value;
    memcpy(&value, from, sizeof value);
    return value;
}

template <class V>
ALWAYS_INLINE void store(void* to, V value) {
    memcpy(to, &value, sizeof value);
}

ALWAYS_INLINE f32x8 broadcast(float v) { return f32x8{v, v, v, v, v, v, v, v}; }
ALWAYS_INLINE i32x8 broadcast(int32_t v) { return i32x8{v, v, v, v, v, v, v, v}; }

// a · b + c, rounded once where the machine can.
ALWAYS_INLINE f32x8 multiply_add(f32x8 a, f32x8 b, f32x8 c) {
#ifdef __FMA__
    return _mm256_fmadd_ps(a, b, c);
#else
    return a * b + c;
#endif
}

ALWAYS_INLINE i16x16 widen(i8x16 value) {
#ifdef __AVX2__
    return (i16x16)_mm256_cvtepi8_epi16((__m128i)value);
#else
    return __builtin_convertvector(value, i16x16);
#endif
}

ALWAYS_INLINE f32x8 to_float(i32x8 value) { return __builtin_convertvector(value, f32x8); }

// The three steps below are what the matrix kernels spend their time in: the number(s) at `x`,
// broadcast, times one or two vectors of weights, added to as many sums. On AVX2 each is one block of
// assembly, as compilers otherwise move products away from their sums and run out of registers.

// fp32 weights of eight rows.
ALWAYS_INLINE void add_product(f32x8& s0, f32x8& s1, f32x8 w0, f32x8 w1, const float* x) {
#ifdef __AVX2__
    f32x8 value;
    asm("vbroadcastss %5, %2\n\t"
        "vfmadd231ps %2, %3, %0\n\t"
        "vfmadd231ps %2, %4, %1"
        : "+x"(s0), "+x"(s1), "=&x"(value)
        : "x"(w0), "x"(w1), "m"(*x));
#else
    s0 += w0 * *x;
    s1 += w1 * *x;
#endif
}

// 16-bit weights of eight rows, two columns of each in a 32-bit lane.
ALWAYS_INLINE void add_product(i32x8& sum, i16x16 weights, const int16_t (*x)[2]) {
#ifdef __AVX2__
    i16x16 value;
    asm("vpbroadcastd %3, %1\n\t"
        "vpmaddwd %1, %2, %1\n\t"
        "vpaddd %1, %0, %0"
        : "+x"(sum), "=&x"(value)
        : "x"(weights), "m"(*x));
#else
    for (int lane = 0; lane < 16; ++lane) sum[lane / 2] += weights[lane] * (*x)[lane % 2];
#endif
}

// Unsigned bytes of eight rows, four columns of each in a 32-bit lane; the sums must fit 16 bits.
ALWAYS_INLINE void add_product(i16x16& sum, u8x32 weights, const int8_t (*x)[4]) {
#ifdef __AVX2__
    i8x32 value;
    asm("vpbroadcastd %3, %1\n\t"
        "vpmaddubsw %1, %2, %1\n\t"
        "vpaddw %1, %0, %0"
        : "+x"(sum), "=&x"(value)
        : "x"(weights), "m"(*x));
#else
    for (int lane = 0; lane < 32; ++lane) sum[lane / 2] += weights[lane] * (*x)[lane % 4];
#endif
}

// Sums of the products of neighbouring 16-bit parts.
ALWAYS_INLINE i32x8 pair_products(i16x16 a, i16x16 b) {
#ifdef __AVX2__
    return (i32x8)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#else
    i32x8 sums;
    for (int lane = 0; lane < 8; ++lane)
        sums[lane] = a[2 * lane] * b[2 * lane] + a[2 * lane + 1] * b[2 * lane + 1];
    return sums;
#endif
}

// Eight signed bytes.
ALWAYS_INLINE i32x8 load_bytes(const void* from) {
#ifdef __AVX2__
    return (i32x8)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)from));
#else
    i32x8 value;
    for (int lane = 0; lane < 8; ++lane) value[lane] = ((const int8_t*)from)[lane];
    return value;
#endif
}

// Each as two equal 16-bit neighbours.
ALWAYS_INLINE i16x16 twice(i32x8 value) { return (i16x16)((value & 0xffff) | (value << 16)); }

// Eight fp16 numbers.
ALWAYS_INLINE f32x8 load_half(const void* from) {
#ifdef __F16C__
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)from));
#else
    f32x8 value;
    const _Float16* halves = (const _Float16*)from;
    for (int lane = 0; lane < 8; ++lane) value[lane] = (float)halves[lane];
    return value;
#endif
}

ALWAYS_INLINE f32x8 maximum(f32x8 a, f32x8 b) { return a > b ? a : b; }
ALWAYS_INLINE f32x8 magnitude(f32x8 a) { return (f32x8)((i32x8)a & 0x7fffffff); }

// One result of eight lanes, by halves: lanes 0 to 3 with 4 to 7, and so on.
template <class V, class Combine>
ALWAYS_INLINE auto reduce(V v, const Combine& combine) {
    v = combine(v, __builtin_shuffle(v, i32x8{4, 5, 6, 7, 0, 1, 2, 3}));
    v = combine(v, __builtin_shuffle(v, i32x8{2, 3, 0, 1, 6, 7, 4, 5}));
    v = combine(v, __builtin_shuffle(v, i32x8{1, 0, 3, 2, 5, 4, 7, 6}));
    return v[0];
}

template <class V>
ALWAYS_INLINE auto sum_of(V v) {
    return reduce(v, [](V a, V b) { return a + b; });
}

ALWAYS_INLINE float maximum_of(f32x8 v) { return reduce(v, maximum); }

// Of as many numbers, which fill whole vectors.
inline float largest_magnitude(const float* from, int64_t count) {
    f32x8 most{};
    for (int64_t i = 0; i < count; i += 8) most = maximum(most, magnitude(load<f32x8>(from + i)));
    return maximum_of(most);
}

// x += delta, for as many numbers as there are.
ALWAYS_INLINE void add_to(float* x, const float* delta, int64_t count) {
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) store(x + i, load<f32x8>(x + i) + load<f32x8>(delta + i));
    for (; i < count; ++i) x[i] += delta[i];
}

// eˣ: 2ⁿ times a polynomial of the remainder, good to 2 units in the last place; 0 below −87.
ALWAYS_INLINE f32x8 exponential(f32x8 x) {
    const f32x8 least = broadcast(-87.33f), most = broadcast(88.37f);
    i32x8 tiny = x < least;
    x = x < least ? least : x;
    x = x > most ? most : x;
    const f32x8 shift = broadcast(12582912.0f);  // 1.5 · 2²³: adding it rounds to whole numbers
    f32x8 shifted = multiply_add(x, broadcast(1.44269504f), shift);
    f32x8 whole = shifted - shift;
    f32x8 rest = multiply_add(whole, broadcast(-0.693145752f), x);
    rest = multiply_add(whole, broadcast(-1.42860677e-6f), rest);
    f32x8 p = broadcast(1.98756915e-4f);
    p = multiply_add(p, rest, broadcast(1.39819994e-3f));
    p = multiply_add(p, rest, broadcast(8.33345190e-3f));
    p = multiply_add(p, rest, broadcast(4.16657962e-2f));
    p = multiply_add(p, rest, broadcast(1.66666657e-1f));
    p = multiply_add(p, rest, broadcast(0.5f));
    p = multiply_add(p * rest, rest, rest + 1.0f);
    i32x8 power = ((i32x8)shifted - (i32x8)shift) << 23;
    f32x8 result = (f32x8)((i32x8)p + power);
    return (f32x8)((i32x8)result & ~tiny);
}
