// AVX-512 with VNNI: vectors of 512 bits, of which one is a unit. What the operations compute is told
// in portable.h.
#pragma once

#ifndef EVEX
#define EVEX "evex.h"
#endif
#include EVEX

namespace isa {

constexpr const char* NAME = "AVX512_VNNI";
constexpr int LANES = 16, REGISTERS = 32;
constexpr int FP32_TOKENS = 14, INT8_TOKENS = 14, INT8_A8_TOKENS = 14, INT4_TOKENS = 14;
constexpr int LORA_TOKENS = 8, QUERY_HEADS = 8;
constexpr int ACTIVATION_BITS = 8;

using evex::Floats, evex::Ints, evex::Shorts, evex::Bytes;
using evex::multiply_add, evex::load_floats, evex::load_ints, evex::load_shorts;
using Unit = OneVector<Floats>;

}  // namespace isa

#include "vnni.h"

namespace isa {

ALWAYS_INLINE void accumulate(Unit& sum, Unit weights, const float* x) {
    evex::add_products(sum.all, weights.all, x);
}
ALWAYS_INLINE void accumulate(Ints& sum, Shorts weights, const int16_t (*x)[2]) {
    evex::add_products(sum, weights, x);
}

ALWAYS_INLINE void accumulate(Ints& sum, Bytes weights, const int8_t (*x)[4]) {
    evex::add_products(sum, weights, x);
}

// A group's sum is within 32 · 8 · 127 and so fits the lower half of its lane, which is all that is
// multiplied: of integers of 32 bits a product takes more than twice as long.
ALWAYS_INLINE Ints scaled(QuadSums sums, Ints sub_scales) {
    return evex::pair_products((Shorts)sums, (Shorts)(sub_scales & 0xffff));
}

}  // namespace isa
