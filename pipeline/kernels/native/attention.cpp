// Attention over the paged pool of keys and values, (layers, blocks, kv heads, ...) each: keys
// transposed, (head width, 16 positions), so that 16 scores of a head are two vectors; values
// (16 positions, padded head width), so that 16 outputs are. Query heads of a group are a tile's tokens.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels.h"
#include "vector.h"

namespace {

struct Place {
    float *keys, *values;
};

Place block_of(const Step& step, int64_t layer, int64_t block, const Heads& heads, int64_t head) {
    const int64_t at = (layer * step.blocks + block) * heads.keys + head;
    return {
        step.keys + at * heads.width * KV_BLOCK, step.values + at * heads.padded() * KV_BLOCK};
}

void rotate(float* head, int64_t width, const float* cosines, const float* sines) {
    const int64_t half = width / 2;
    int64_t i = 0;
    for (; i + 8 <= half; i += 8) {
        const f32x8 a = load<f32x8>(head + i), b = load<f32x8>(head + half + i);
        const f32x8 cosine = load<f32x8>(cosines + i), sine = load<f32x8>(sines + i);
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
    const Step& step;
    const Heads& heads;
    int64_t layer, token, key_head, first, last;  // first and last position, inclusive
    const float* queries;                         // (group, width)

    int64_t first_block() const { return first / KV_BLOCK; }
    int64_t blocks() const { return last / KV_BLOCK - first_block() + 1; }
    Place block(int64_t number) const {
        const int64_t position = (first_block() + number) * KV_BLOCK;
        return block_of(step, layer, step.block(token, position), heads, key_head);
    }

    template <int T>
    void run(float* scores, float* out) const {
        const int64_t length = blocks() * KV_BLOCK;
        score<T>(scores, length);
        float inverse[T];
        for (int t = 0; t < T; ++t) inverse[t] = softmax(scores + t * length, length);
        for (int64_t column = 0; column < heads.width; column += UNIT)
            mix<T>(scores, length, inverse, column, out);
    }

    template <int T>
    void score(float* scores, int64_t length) const {
        const f32x8 scale = broadcast(1 / std::sqrt((float)heads.width));
        for (int64_t number = 0; number < blocks(); ++number, scores += KV_BLOCK) {
            const float* keys = block(number).keys;
            Sums<f32x8, T, 2> sums;
            for (int64_t i = 0; i < heads.width; ++i, keys += KV_BLOCK)
                sums.add(load<f32x8>(keys), load<f32x8>(keys + 8), queries + i, heads.width);
            sums.each([&](int t, f32x8 low, f32x8 high) {
                store(scores + t * length, low * scale);
                store(scores + t * length + 8, high * scale);
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
        f32x8 most = load<f32x8>(scores);
        for (int64_t i = 8; i < length; i += 8) most = maximum(most, load<f32x8>(scores + i));
        const f32x8 shift = broadcast(maximum_of(most));
        f32x8 sum{};
        for (int64_t i = 0; i < length; i += 8) {
            const f32x8 weight = exponential(load<f32x8>(scores + i) - shift);
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
        Sums<f32x8, T, 2> sums;
        const int64_t padded = heads.padded();
        for (int64_t number = 0; number < blocks(); ++number) {
            const int64_t start = (first_block() + number) * KV_BLOCK;
            const int64_t begin = std::max<int64_t>(0, first - start);
            const int64_t end = std::min<int64_t>(KV_BLOCK, last + 1 - start);
            const float* values = block(number).values + begin * padded + column;
            for (int64_t at = begin; at < end; ++at, values += padded)
                sums.add(
                    load<f32x8>(values), load<f32x8>(values + 8), weights + number * KV_BLOCK + at,
                    length);
        }
        const int64_t count = std::min<int64_t>(UNIT, heads.width - column);
        sums.each([&](int t, f32x8 low, f32x8 high) {
            float result[UNIT];
            store(result, low * inverse[t]);
            store(result + 8, high * inverse[t]);
            std::copy_n(result, count, out + t * heads.width + column);
        });
    }
};

using RunTile = void (Query::*)(float* scores, float* out) const;
constexpr RunTile TILES[] = {nullptr,        &Query::run<1>, &Query::run<2>,
                             &Query::run<3>, &Query::run<4>, &Query::run<5>};
constexpr int MOST_HEADS = 5;

}  // namespace

void rotate_and_store(
    ThreadPool& pool, float* qkv, int64_t width, const Step& step, int64_t layer,
    const Heads& heads, const HeadNorms& norms) {
    pool.run(step.tokens, [&](uint32_t token) {
        float* head = qkv + token * width;
        const float* cosines = step.cosines + token * (heads.width / 2);
        const float* sines = step.sines + token * (heads.width / 2);
        for (int64_t h = 0; h < heads.queries + heads.keys; ++h, head += heads.width) {
            const float* weight = h < heads.queries ? norms.query : norms.key;
            if (weight) rms_norm(head, weight, norms.epsilon, heads.width, head);
            rotate(head, heads.width, cosines, sines);
        }
        const float* keys = head - heads.keys * heads.width;
        const float* values = head;
        const int64_t position = step.positions[token], at = position % KV_BLOCK;
        for (int64_t h = 0; h < heads.keys; ++h) {
            const Place to = block_of(step, layer, step.block(token, position), heads, h);
            for (int64_t i = 0; i < heads.width; ++i)
                to.keys[i * KV_BLOCK + at] = keys[h * heads.width + i];
            std::copy_n(values + h * heads.width, heads.width, to.values + at * heads.padded());
        }
    });
}

void attend(
    ThreadPool& pool, const float* qkv, int64_t width, const Step& step, int64_t layer,
    const Heads& heads, int64_t window, const Input& out) {
    const int64_t group = heads.queries / heads.keys;
    pool.run(step.tokens * heads.keys, [&](uint32_t item) {
        thread_local std::vector<float> scores;
        const int64_t token = item / heads.keys, key_head = item % heads.keys;
        const int64_t last = step.positions[token];
        const int64_t first = window > 0 ? std::max<int64_t>(0, last - window + 1) : 0;
        for (int64_t head = 0; head < group;) {
            const int64_t left = group - head, tiles = (left + MOST_HEADS - 1) / MOST_HEADS;
            const int64_t size = (left + tiles - 1) / tiles;
            const int64_t column = (key_head * group + head) * heads.width;
            const Query query{step, heads, layer, token, key_head, first, last,
                              qkv + token * width + column};
            scores.resize(size * query.blocks() * KV_BLOCK);
            (query.*TILES[size])(scores.data(), out.row(token) + column);
            head += size;
        }
    });
    pool.run(step.tokens, [&](uint32_t token) { out.pack(token); });
}
