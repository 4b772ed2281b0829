// The instructions of pipeline/kernels/native/isa/evex.h in plain C++, so that avx512.h runs on any
// processor: what Intel's manual says that each computes.
#pragma once

namespace evex {

using Floats = Vector<float, 16>;
using Ints = Vector<int32_t, 16>;
using Shorts = Vector<int16_t, 32>;
using Bytes = Vector<uint8_t, 64>;

ALWAYS_INLINE Floats multiply_add(Floats a, Floats b, Floats c) { return a * b + c; }

template <class V, class Number>
ALWAYS_INLINE V converted(const Number* from) {
    V value;
    for (int i = 0; i < (int)(sizeof value / sizeof value[0]); ++i) value[i] = from[i];
    return value;
}
ALWAYS_INLINE Floats load_floats(const Half* from) { return converted<Floats>(from); }
ALWAYS_INLINE Ints load_ints(const int8_t* from) { return converted<Ints>(from); }
ALWAYS_INLINE Shorts load_shorts(const int8_t* from) { return converted<Shorts>(from); }

ALWAYS_INLINE Ints pair_products(Shorts a, Shorts b) {
    Ints sums{};
    for (int i = 0; i < 32; ++i) sums[i / 2] += a[i] * b[i];
    return sums;
}

ALWAYS_INLINE void add_products(Floats& sum, Floats weights, const float* x) { sum += weights * *x; }
ALWAYS_INLINE void add_products(Ints& sum, Shorts weights, const int16_t (*x)[2]) {
    for (int i = 0; i < 32; ++i) sum[i / 2] += weights[i] * (*x)[i % 2];
}
ALWAYS_INLINE void add_products(Ints& sum, Bytes weights, const int8_t (*x)[4]) {
    for (int i = 0; i < 64; ++i) sum[i / 4] += weights[i] * (*x)[i % 4];
}

}  // namespace evex
