// Keys and values of a step's tokens go into the pool, once queries and keys are turned.
#include <algorithm>

#include "kernels.h"
#include "kv_pool.h"
#include "vector.h"

namespace {

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

}  // namespace

void rotate_and_store(
    ThreadPool& pool, float* qkv, int64_t width, const Forward& forward, int64_t layer,
    const HeadShape& heads, const HeadNormWeights& norms) {
    const KvLayer to{forward, layer, heads};
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
            const KvBlock block = to.block(token, position, h);
            for (int64_t i = 0; i < heads.width; ++i)
                block.keys[i * KV_BLOCK + at] = keys[h * heads.width + i];
            std::copy_n(values + h * heads.width, heads.width, block.values + at * padded_width(heads));
        }
    }, (heads.queries + 2 * heads.keys) * heads.width);
}
