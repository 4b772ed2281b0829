// What happens to each token between the matrices.
#include <algorithm>
#include <cmath>

#include "kernels.h"
#include "vector.h"

namespace {

// Columns that don't fill a vector are taken one by one.
float sum_of_squares(const float* x, int64_t columns) {
    f32x8 sums[4] = {};
    int64_t i = 0;
    for (; i + 32 <= columns; i += 32)
        for (int part = 0; part < 4; ++part) {
            const f32x8 v = load<f32x8>(x + i + 8 * part);
            sums[part] = multiply_add(v, v, sums[part]);
        }
    float rest = 0;
    for (; i < columns; ++i) rest += x[i] * x[i];
    return sum_of((sums[0] + sums[1]) + (sums[2] + sums[3])) + rest;
}

float silu(float x) { return x / (1 + exponential(broadcast(-x))[0]); }

void gate_columns(const float* gate, const float* up, float* out, int64_t columns) {
    int64_t i = 0;
    for (; i + 8 <= columns; i += 8) {
        const f32x8 g = load<f32x8>(gate + i);
        store(out + i, g / (exponential(-g) + 1.0f) * load<f32x8>(up + i));
    }
    for (; i < columns; ++i) out[i] = silu(gate[i]) * up[i];
}

}  // namespace

void rms_norm(const float* x, const float* weight, float epsilon, int64_t columns, float* out) {
    const float scale = 1 / std::sqrt(sum_of_squares(x, columns) / columns + epsilon);
    const f32x8 by = broadcast(scale);
    int64_t i = 0;
    for (; i + 8 <= columns; i += 8)
        store(out + i, load<f32x8>(x + i) * by * load<f32x8>(weight + i));
    for (; i < columns; ++i) out[i] = x[i] * scale * weight[i];
}

void norm(
    ThreadPool& pool, float* residual, const float* delta, int64_t delta_width,
    const float* weight, float epsilon, const Input& out) {
    pool.run(out.tokens, [&](uint32_t token) {
        float* x = residual + token * out.columns;
        if (delta) add_to(x, delta + token * delta_width, out.columns);
        rms_norm(x, weight, epsilon, out.columns, out.row(token));
        out.pack(token);
    });
}

void gate(ThreadPool& pool, const float* gate_up, int64_t width, const Input& out) {
    const int64_t chunks = (out.columns + GATE_CHUNK - 1) / GATE_CHUNK;
    pool.run(out.tokens * chunks, [&](uint32_t item) {
        const int64_t token = item / chunks, first = item % chunks * GATE_CHUNK;
        const int64_t last = std::min(first + GATE_CHUNK, out.columns);
        const float* row = gate_up + token * width;
        gate_columns(row + first, row + out.columns + first, out.row(token) + first, last - first);
        out.pack(token, first, last);
    });
}
