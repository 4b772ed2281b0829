// What the machine can do, for the roofline: loops that multiply numbers of one width and do nothing
// else, and loops that do nothing but read. Whoever calls them takes the time.
#include "kernels.h"
#include "tiles.h"

namespace {

// Written for nobody to read, so that no compiler leaves out what led to it.
thread_local volatile char sink;

template <class Sum>
void keep(const Sum& sum) {
    sink = *(const char*)&sum;
}

// How many products a tile of T tokens makes in a round, and what makes them: weights that stay in
// their register, and columns of activations that the innermost cache holds.
template <class Sum, class Weights, int NUMBERS, class Value, int T>
struct Tile {
    static constexpr int COLUMNS = 64;
    static constexpr int64_t PRODUCTS = (int64_t)COLUMNS * T * NUMBERS;

    static void multiply(int64_t rounds) {
        alignas(64) Value values[COLUMNS + T] = {};
        const Weights weights{};
        Accumulators<Sum, T> accumulators;
        for (int64_t round = 0; round < rounds; ++round)
            for (int column = 0; column < COLUMNS; ++column)
                accumulators.add(weights, values + column, 1);
        accumulators.each([](int, Sum sum) { keep(sum); });
    }
};
using Fp32Tile = Tile<Unit, Unit, UNIT, float, isa::FP32_TOKENS>;
using Int16Tile = Tile<Ints, isa::Shorts, 2 * LANES, int16_t[2], isa::INT8_TOKENS>;
using Int8Tile = Tile<isa::QuadSums, isa::Bytes, 4 * LANES, int8_t[4], isa::INT4_TOKENS>;

template <class Use>
int64_t with_tile(int bits, const Use& use) {
    if (bits == 32) return use(Fp32Tile{});
    if (bits == 16) return use(Int16Tile{});
    if (bits == 8) return use(Int8Tile{});
    return -1;
}

// As the matrices are read: a line after the other, with `ahead` bytes asked for beforehand if any.
template <int AHEAD>
void read_stream(const uint8_t* from, int64_t size) {
    constexpr int STEP = 256, VECTORS = STEP / sizeof(Ints);
    Ints sums[VECTORS] = {};
    for (int64_t at = 0; at + STEP <= size; at += STEP) {
        for (int line = 0; AHEAD && line < STEP; line += 64)
            __builtin_prefetch(from + at + AHEAD + line);
        for (int i = 0; i < VECTORS; ++i) sums[i] ^= load<Ints>(from + at + i * sizeof(Ints));
    }
    for (const Ints& sum : sums) keep(sum);
}

}  // namespace

int64_t multiply_only(ThreadPool& pool, int bits, int64_t pieces, int64_t rounds) {
    return with_tile(bits, [&]<class T>(T) {
        pool.run(pieces, [&](uint32_t) { T::multiply(rounds); });
        return pieces * rounds * T::PRODUCTS;
    });
}

void read_only(
    ThreadPool& pool, const uint8_t* data, int64_t size, int64_t pieces, bool ask_ahead) {
    pool.run(pieces, [&](uint32_t piece) {
        const uint8_t* from = data + piece * (size / pieces);
        ask_ahead ? read_stream<4096>(from, size / pieces) : read_stream<0>(from, size / pieces);
    });
}
