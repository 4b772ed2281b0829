// What an instruction set's file builds its vectors from: GCC's own, which have +, −, ×, ÷, shifts,
// bit operations and comparisons.
#pragma once
#include <cstdint>
#include <cstring>

#define ALWAYS_INLINE inline __attribute__((always_inline))
#define INLINED __attribute__((always_inline))  // a lambda

// Half a float: its name in C++, which compilers for Arm know only of late.
#ifdef __ARM_FP16_FORMAT_IEEE
using Half = __fp16;
#else
using Half = _Float16;
#endif

template <class Number, int COUNT>
struct VectorOf {
    typedef Number type __attribute__((vector_size(COUNT * sizeof(Number))));
};
template <class Number, int COUNT>
using Vector = typename VectorOf<Number, COUNT>::type;

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

// The 16 rows of a unit in four vectors of 4 lanes, two of 8, or one of 16. Fields rather than an array:
// compilers keep named vectors in registers, and arrays only on a good day.
template <class Floats>
struct FourVectors {
    Floats first{}, second{}, third{}, fourth{};

    template <class Load>
    static ALWAYS_INLINE FourVectors of(const Load& load) {
        return {load(0), load(4), load(8), load(12)};
    }
    template <class Use>
    ALWAYS_INLINE void each(const Use& use) const {
        use(0, first);
        use(4, second);
        use(8, third);
        use(12, fourth);
    }
    ALWAYS_INLINE void operator+=(const FourVectors& other) {
        first += other.first;
        second += other.second;
        third += other.third;
        fourth += other.fourth;
    }
};

template <class Floats>
struct TwoVectors {
    Floats low{}, high{};

    template <class Load>
    static ALWAYS_INLINE TwoVectors of(const Load& load) {
        return {load(0), load(8)};
    }
    template <class Use>
    ALWAYS_INLINE void each(const Use& use) const {
        use(0, low);
        use(8, high);
    }
    ALWAYS_INLINE void operator+=(const TwoVectors& other) {
        low += other.low;
        high += other.high;
    }
};

template <class Floats>
struct OneVector {
    Floats all{};

    template <class Load>
    static ALWAYS_INLINE OneVector of(const Load& load) {
        return {load(0)};
    }
    template <class Use>
    ALWAYS_INLINE void each(const Use& use) const {
        use(0, all);
    }
    ALWAYS_INLINE void operator+=(const OneVector& other) { all += other.all; }
};
