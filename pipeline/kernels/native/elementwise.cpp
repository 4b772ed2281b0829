// What happens to each token between the matrices.
#include <algorithm>
#include <cmath>

#include "kernels.h"
#include "vector.h"

namespace {

// Columns that don't fill a vector are taken one by one.
float sum_of_squares(const float* x, int64_t columns) {
    Floats first{}, second{}, third{}, fourth{};  // an array would be kept in memory
    auto add = [](Floats& sum, Floats v) { sum = isa::multiply_add(v, v, sum); };
    int64_t i = 0;
    for (; i + 4 * LANES <= columns; i += 4 * LANES) {
        add(first, load<Floats>(x + i));
        add(second, load<Floats>(x + i + LANES));
        add(third, load<Floats>(x + i + 2 * LANES));
        add(fourth, load<Floats>(x + i + 3 * LANES));
    }
    float rest = 0;
    for (; i < columns; ++i) rest += x[i] * x[i];
    return sum_of((first + second) + (third + fourth)) + rest;
}

// x / (1 + e⁻ᶻ), where z is x itself, or 2 √(2/π) (x + 0.044715 x³): GELU with tanh in place of the
// error function (Hendrycks and Gimpel 2016).
template <int ACTIVATION>
ALWAYS_INLINE Floats activated(Floats x) {
    Floats z = x;
    if constexpr (ACTIVATION == ACTIVATION_GELU_TANH) z = x * (x * x * 0.0713548163f + 1.59576912f);
    return x / (exponential(-z) + 1.0f);
}

template <int ACTIVATION>
void gate_columns(const float* gate, const float* up, float* out, int64_t columns) {
    int64_t i = 0;
    for (; i + LANES <= columns; i += LANES)
        store(out + i, activated<ACTIVATION>(load<Floats>(gate + i)) * load<Floats>(up + i));
    for (; i < columns; ++i) out[i] = activated<ACTIVATION>(broadcast(gate[i]))[0] * up[i];
}

}  // namespace

void rms_norm(const float* x, const float* weight, float epsilon, int64_t columns, float* out) {
    const float scale = 1 / std::sqrt(sum_of_squares(x, columns) / columns + epsilon);
    const Floats by = broadcast(scale);
    int64_t i = 0;
    for (; i + LANES <= columns; i += LANES)
        store(out + i, load<Floats>(x + i) * by * load<Floats>(weight + i));
    for (; i < columns; ++i) out[i] = x[i] * scale * weight[i];
}

void norm(
    ThreadPool& pool, float* residual, const float* delta, int64_t delta_width,
    const float* weight, float epsilon, const Input& out) {
    pool.run(out.tokens, [&](uint32_t token) {
        float* x = residual + token * out.columns;
        if (delta) add_to(x, delta + token * delta_width, out.columns);
        if (weight)
            rms_norm(x, weight, epsilon, out.columns, row_of(out, token));
        else
            std::copy_n(x, out.columns, row_of(out, token));
        pack_input(out, token);
    }, out.columns * 0.5);
}

void gate(
    ThreadPool& pool, const float* gate_up, int64_t width, int activation, const Input& out) {
    const auto columns_of = activation == ACTIVATION_SILU ? gate_columns<ACTIVATION_SILU>
                                                          : gate_columns<ACTIVATION_GELU_TANH>;
    const int64_t chunks = pieces_of(out.columns, GATE_CHUNK);
    pool.run(out.tokens * chunks, [&](uint32_t item) {
        const int64_t token = item / chunks, first = item % chunks * GATE_CHUNK;
        const int64_t last = std::min<int64_t>(first + GATE_CHUNK, out.columns);
        const float* row = gate_up + token * width;
        columns_of(row + first, row + out.columns + first, row_of(out, token) + first, last - first);
        pack_input(out, token, first, last);
    }, GATE_CHUNK);
}

void scale(float* x, float factor, int64_t columns) {
    int64_t i = 0;
    for (; i + LANES <= columns; i += LANES) store(x + i, load<Floats>(x + i) * factor);
    for (; i < columns; ++i) x[i] *= factor;
}

void cap(float* x, float limit, int64_t columns) {
    int64_t i = 0;
    for (; i + LANES <= columns; i += LANES) store(x + i, capped(load<Floats>(x + i), limit));
    for (; i < columns; ++i) x[i] = capped(broadcast(x[i]), limit)[0];
}

// What is no number stays none.
void clip(float* x, float limit, int64_t columns) {
    for (int64_t i = 0; i < columns; ++i)
        x[i] = x[i] > limit ? limit : x[i] < -limit ? -limit : x[i];
}

void centre(float* x, int64_t columns) {
    Floats sum{};
    int64_t i = 0;
    for (; i + LANES <= columns; i += LANES) sum = sum + load<Floats>(x + i);
    float rest = 0;
    for (; i < columns; ++i) rest += x[i];
    const float mean = (sum_of(sum) + rest) / columns;
    for (i = 0; i < columns; ++i) x[i] -= mean;
}
