// Keys and values of a step's tokens go into the pool, once queries and keys are turned.
#include <algorithm>
#include <cmath>

#include "kernels.h"
#include "kv_pool.h"
#include "vector.h"

namespace {

void rotate(float* head, int64_t half, const float* cosines, const float* sines) {
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

// A head's numbers lie `stride` apart in the pool. An integer's scale is the largest magnitude over the
// highest level, and no number if one of them is none.
template <NumberFormat F>
void put(const float* from, int64_t width, StoredNumber<F>* to, int64_t stride, float* scale) {
    if constexpr (F.scale_bits) {
        float largest = 0, none = 0;
        for (int64_t i = 0; i < width; ++i) {
            largest = std::max(largest, std::abs(from[i]));
            none += from[i] * 0;
        }
        *scale = largest / highest_level(F.bits) + none;
        const float inverse = *scale > 0 ? 1 / *scale : 0;
        for (int64_t i = 0; i < width; ++i) to[i * stride] = std::lrint(from[i] * inverse);
    } else {
        for (int64_t i = 0; i < width; ++i) to[i * stride] = from[i];
    }
}

template <NumberFormat F>
void store_token(
    const float* keys, const float* values, int64_t token, const KvLayer<F>& pool) {
    const int64_t position = pool.forward.positions[token], at = position % KV_BLOCK;
    const int64_t width = pool.heads.width, padded = padded_width(pool.heads);
    for (int64_t h = 0; h < pool.heads.keys; ++h, keys += width, values += width) {
        const KvHead<F> to = pool.head(token, position, h);
        put<F>(keys, width, to.keys + at, KV_BLOCK, to.key_scales + at);
        put<F>(values, width, to.values + at * padded, 1, to.value_scales + at);
    }
}

}  // namespace

void rotate_and_store(
    ThreadPool& pool, float* qkv, int64_t width, const Forward& forward, int64_t layer,
    const HeadShape& heads, const HeadNormWeights& norms, const Turn& turn) {
    const int64_t angles = forward.tokens ? forward.angles / forward.turned : 0;
    pool.run(forward.tokens, [&](uint32_t token) {
        float* head = qkv + token * width;
        const int64_t position = forward.positions[token];
        const float* cosines = forward.cosines + position * angles + turn.first;
        const float* sines = forward.sines + position * angles + turn.first;
        for (int64_t h = 0; h < heads.queries + heads.keys; ++h, head += heads.width) {
            const float* weight = h < heads.queries ? norms.query : norms.key;
            if (weight) rms_norm(head, weight, norms.epsilon, heads.width, head);
            rotate(head, turn.pairs, cosines, sines);
        }
        const float* keys = head - heads.keys * heads.width;
        with_number_format(forward.kv_format, [&]<NumberFormat F>() {
            store_token<F>(keys, head, token, KvLayer<F>{forward, layer, heads});
        });
    }, (heads.queries + 2 * heads.keys) * heads.width);
}
