// What the kernels build from an instruction set's operations, for any number of lanes.
#pragma once
#include <cmath>
#include <cstdint>
#include <utility>

#include "isa.h"
#include "layout.h"

// Less zero, as −0 plus 0 were another number.
ALWAYS_INLINE Floats broadcast(float value) { return value - Floats{}; }

ALWAYS_INLINE Floats to_floats(Ints value) { return __builtin_convertvector(value, Floats); }

// The numbers of a unit's rows, whatever their type, as floats.
ALWAYS_INLINE Floats as_floats(const float* from) { return load<Floats>(from); }
ALWAYS_INLINE Floats as_floats(const Half* from) { return isa::load_floats(from); }
ALWAYS_INLINE Floats as_floats(const int8_t* from) { return to_floats(isa::load_ints(from)); }
ALWAYS_INLINE Unit load_unit(const auto* from) {
    return Unit::of([&](int row) { return as_floats(from + row); });
}

ALWAYS_INLINE Floats maximum(Floats a, Floats b) { return a > b ? a : b; }
ALWAYS_INLINE Floats magnitude(Floats a) { return (Floats)((Ints)a & 0x7fffffff); }

// 1.5 · 2²³: what is added to it is rounded to whole numbers.
constexpr float ROUNDING = 12582912.0f;
ALWAYS_INLINE Floats rounded(Floats value) { return value + ROUNDING - ROUNDING; }

template <class V, int... LANE>
ALWAYS_INLINE V lanes_apart(V value, int apart, std::integer_sequence<int, LANE...>) {
    return __builtin_shuffle(value, Ints{(LANE ^ apart)...});
}

// One result of all lanes, by halves: lanes 0 to 3 with 4 to 7, and so on.
template <int APART = LANES / 2, class V, class Combine>
ALWAYS_INLINE auto reduce(V v, const Combine& combine) {
    if constexpr (APART == 0)
        return v[0];
    else
        return reduce<APART / 2>(
            combine(v, lanes_apart(v, APART, std::make_integer_sequence<int, LANES>())), combine);
}

template <class V>
ALWAYS_INLINE auto sum_of(V v) {
    return reduce(v, [](V a, V b) { return a + b; });
}

ALWAYS_INLINE float maximum_of(Floats v) { return reduce(v, maximum); }

// Of as many numbers, which fill whole vectors.
inline float largest_magnitude(const float* from, int64_t count) {
    Floats largest{};
    for (int64_t i = 0; i < count; i += LANES)
        largest = maximum(largest, magnitude(load<Floats>(from + i)));
    return maximum_of(largest);
}

// x += delta, for as many numbers as there are.
ALWAYS_INLINE void add_to(float* x, const float* delta, int64_t count) {
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES)
        store(x + i, load<Floats>(x + i) + load<Floats>(delta + i));
    for (; i < count; ++i) x[i] += delta[i];
}

// eˣ: 2ⁿ times a polynomial of the remainder, good to 2 units in the last place; 0 below −87.
ALWAYS_INLINE Floats exponential(Floats x) {
    using isa::multiply_add;
    const Floats lowest = broadcast(-87.33f), highest = broadcast(88.37f);
    Ints tiny = x < lowest;
    x = x < lowest ? lowest : x;
    x = x > highest ? highest : x;
    const Floats shift = broadcast(ROUNDING);
    Floats shifted = multiply_add(x, broadcast(1.44269504f), shift);
    Floats whole = shifted - shift;
    Floats rest = multiply_add(whole, broadcast(-0.693145752f), x);
    rest = multiply_add(whole, broadcast(-1.42860677e-6f), rest);
    Floats p = broadcast(1.98756915e-4f);
    p = multiply_add(p, rest, broadcast(1.39819994e-3f));
    p = multiply_add(p, rest, broadcast(8.33345190e-3f));
    p = multiply_add(p, rest, broadcast(4.16657962e-2f));
    p = multiply_add(p, rest, broadcast(1.66666657e-1f));
    p = multiply_add(p, rest, broadcast(0.5f));
    p = multiply_add(p * rest, rest, rest + 1.0f);
    Ints power = ((Ints)shifted - (Ints)shift) << 23;
    Floats result = (Floats)((Ints)p + power);
    return (Floats)((Ints)result & ~tiny);
}

// limit · tanh(x / limit): 1 − 2 / (e²ˣ + 1) is within 10⁻⁷ of tanh.
ALWAYS_INLINE Floats capped(Floats x, float limit) {
    return limit - 2 * limit / (exponential(x * (2 / limit)) + 1.0f);
}
