// Attention over the paged pool of keys and values, (layers, blocks, kv heads, ...) each: keys
// transposed, (head width, 16 positions), so that 16 scores of a head are a unit's vectors; values
// (16 positions, padded head width), so that 16 outputs are. Query heads of a group are a tile's tokens.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels.h"
#include "tiles.h"

namespace {

struct Place {
    float *keys, *values;
};

static_assert(KV_BLOCK == UNIT);

int64_t block_of_token(const Forward& forward, int64_t token, int64_t position) {
    return forward.block_table[forward.sequences[token] * forward.table_width + position / KV_BLOCK];
}

Place block_of(const Forward& forward, int64_t layer, int64_t block, const HeadShape& heads, int64_t head) {
    const int64_t at = (layer * forward.blocks + block) * heads.keys + head;
    return {
        forward.keys + at * heads.width * KV_BLOCK, forward.values + at * padded_width(heads) * KV_BLOCK};
}

void rotate(float* head, int64_t width, const float* cosines, const float* sines) {
    const int64_t half = width / 2;
    int64_t i = 0;
    for (; i + LANES <= half; i += LANES) {
        const Floats a = load<Floats>(head + i), b = load<Floats>(head + half + i);
        const Floats cosine = load<Floats>(cosines + i), sine = load<Floats>(sines + i);
        store(head + i, a * cosine - b * sine);
        store(head + half + i, b * cosine + a * sine);
    }
    for (; i < half; ++i) {
        const float a = head[i], b = head[half + i];
        head[i] = a * cosines[i] - b * sines[i];
        head[half + i] = b * cosines[i] + a * sines[i];
    }
}

// One token's query heads that share a key head, over the positions it sees.
struct Query {
    const Forward& forward;
    const HeadShape& heads;
    int64_t layer, token, key_head, first, last;  // first and last position, inclusive
    const float* queries;                         // (group, width)

    int64_t first_block() const { return first / KV_BLOCK; }
    int64_t blocks() const { return last / KV_BLOCK - first_block() + 1; }
    Place block(int64_t number) const {
        const int64_t position = (first_block() + number) * KV_BLOCK;
        return block_of(forward, layer, block_of_token(forward, token, position), heads, key_head);
    }

    // Apart from its caller, which would take registers from the loops.
    template <int T>
    __attribute__((noinline)) void run(float* scores, float* out) const {
        const int64_t length = blocks() * KV_BLOCK;
        score<T>(scores, length);
        float inverse[T];
        for (int t = 0; t < T; ++t) inverse[t] = softmax(scores + t * length, length);
        for (int64_t column = 0; column < heads.width; column += UNIT)
            mix<T>(scores, length, inverse, column, out);
    }

    template <int T>
    void score(float* scores, int64_t length) const {
        const Floats scale = broadcast(1 / std::sqrt((float)heads.width));
        for (int64_t number = 0; number < blocks(); ++number, scores += KV_BLOCK) {
            const float* keys = block(number).keys;
            Accumulators<Unit, T> accumulators;
            for (int64_t i = 0; i < heads.width; ++i, keys += KV_BLOCK)
                accumulators.add(load_unit(keys), queries + i, heads.width);
            accumulators.each([&](int t, Unit sum) {
                sum.each([&](int at, Floats part) {
                    store(scores + t * length + at, part * scale);
                });
            });
        }
        hide<T>(scores - length, length);
    }

    // Positions of the outer blocks that the token doesn't see.
    template <int T>
    void hide(float* scores, int64_t length) const {
        const int64_t start = first_block() * KV_BLOCK;
        for (int t = 0; t < T; ++t, scores += length) {
            std::fill(scores, scores + (first - start), -std::numeric_limits<float>::infinity());
            std::fill(
                scores + (last + 1 - start), scores + length,
                -std::numeric_limits<float>::infinity());
        }
    }

    // Leaves exponentials, zeros where hidden; returns one over their sum.
    static float softmax(float* scores, int64_t length) {
        Floats largest = load<Floats>(scores);
        for (int64_t i = LANES; i < length; i += LANES) largest = maximum(largest, load<Floats>(scores + i));
        const Floats shift = broadcast(maximum_of(largest));
        Floats sum{};
        for (int64_t i = 0; i < length; i += LANES) {
            const Floats weight = exponential(load<Floats>(scores + i) - shift);
            store(scores + i, weight);
            sum += weight;
        }
        return 1 / sum_of(sum);
    }

    // Only of the positions that the token sees: zero times what a former owner left in a block is no
    // zero if that was infinite.
    template <int T>
    void mix(
        const float* weights, int64_t length, const float* inverse, int64_t column,
        float* out) const {
        Accumulators<Unit, T> accumulators;
        const int64_t padded = padded_width(heads);
        for (int64_t number = 0; number < blocks(); ++number) {
            const int64_t start = (first_block() + number) * KV_BLOCK;
            const int64_t begin = std::max<int64_t>(0, first - start);
            const int64_t end = std::min<int64_t>(KV_BLOCK, last + 1 - start);
            const float* values = block(number).values + begin * padded + column;
            for (int64_t at = begin; at < end; ++at, values += padded)
                accumulators.add(load_unit(values), weights + number * KV_BLOCK + at, length);
        }
        const int64_t count = std::min<int64_t>(UNIT, heads.width - column);
        accumulators.each([&](int t, Unit sum) {
            float result[UNIT];
            sum.each([&](int row, Floats part) { store(result + row, part * inverse[t]); });
            std::copy_n(result, count, out + t * heads.width + column);
        });
    }
};

}  // namespace

void rotate_and_store(
    ThreadPool& pool, float* qkv, int64_t width, const Forward& forward, int64_t layer,
    const HeadShape& heads, const HeadNormWeights& norms) {
    pool.run(forward.tokens, [&](uint32_t token) {
        float* head = qkv + token * width;
        const int64_t position = forward.positions[token], at = position % KV_BLOCK;
        const float* cosines = forward.cosines + position * (heads.width / 2);
        const float* sines = forward.sines + position * (heads.width / 2);
        for (int64_t h = 0; h < heads.queries + heads.keys; ++h, head += heads.width) {
            const float* weight = h < heads.queries ? norms.query : norms.key;
            if (weight) rms_norm(head, weight, norms.epsilon, heads.width, head);
            rotate(head, heads.width, cosines, sines);
        }
        const float* keys = head - heads.keys * heads.width;
        const float* values = head;
        for (int64_t h = 0; h < heads.keys; ++h) {
            const Place to = block_of(forward, layer, block_of_token(forward, token, position), heads, h);
            for (int64_t i = 0; i < heads.width; ++i)
                to.keys[i * KV_BLOCK + at] = keys[h * heads.width + i];
            std::copy_n(values + h * heads.width, heads.width, to.values + at * padded_width(heads));
        }
    });
}

void attend(
    ThreadPool& pool, const float* qkv, int64_t width, const Forward& forward, int64_t layer,
    const HeadShape& heads, int64_t window, const Input& out) {
    const int64_t group = heads.queries / heads.keys;
    pool.run(forward.tokens * heads.keys, [&](uint32_t item) {
        thread_local std::vector<float> scores;
        const int64_t token = item / heads.keys, key_head = item % heads.keys;
        const int64_t last = forward.positions[token];
        const int64_t first = window > 0 ? std::max<int64_t>(0, last - window + 1) : 0;
        for_tiles<isa::QUERY_HEADS>(group, [&]<int T>(int64_t head) {
            const int64_t column = (key_head * group + head) * heads.width;
            const Query query{forward, heads, layer, token, key_head, first, last,
                              qkv + token * width + column};
            scores.resize(T * query.blocks() * KV_BLOCK);
            query.run<T>(scores.data(), row_of(out, token) + column);
        });
    });
    pool.run(forward.tokens, [&](uint32_t token) { pack_input(out, token); });
}
