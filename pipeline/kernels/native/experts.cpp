// A mixture of experts: tokens are sent to the experts that suit them, and what these make of them is
// added up (Shazeer et al. 2017).
#include <algorithm>
#include <cmath>

#include "kernels.h"
#include "vector.h"

namespace {

// The experts of highest score, of equal ones the first. Their weights are a softmax over all scores,
// or over theirs alone where they are normalised. A row that isn't finite uses the first experts.
void choose(const float* scores, const Routes& routes, int64_t token) {
    const auto& [experts, used, normalised] = routes.routing;
    float *weights = routes.weights(token), *numbers = routes.numbers(token);
    bool taken[MAX_EXPERTS] = {};
    for (int64_t rank = 0; rank < used; ++rank) {
        int64_t best = -1;
        for (int64_t expert = 0; expert < experts; ++expert)
            if (!taken[expert] && (best < 0 || scores[expert] > scores[best])) best = expert;
        taken[best] = true;
        numbers[rank] = best;
    }
    const float highest = scores[(int64_t)numbers[0]];
    float sum = 0;
    for (int64_t expert = 0; expert < experts; ++expert)
        if (!normalised || taken[expert]) sum += std::exp(scores[expert] - highest);
    for (int64_t rank = 0; rank < used; ++rank)
        weights[rank] = std::exp(scores[(int64_t)numbers[rank]] - highest) / sum;
}

void add_scaled(float* to, const float* from, float by, int64_t columns) {
    const Floats factor = broadcast(by);
    for (int64_t i = 0; i < columns; i += LANES)
        store(to + i, isa::multiply_add(load<Floats>(from + i), factor, load<Floats>(to + i)));
}

}  // namespace

void count_rows(const Routes& routes, int32_t* starts) {
    std::fill_n(starts, routes.routing.experts + 1, 0);
    for (int64_t token = 0; token < routes.tokens; ++token)
        for (int64_t rank = 0; rank < routes.routing.used; ++rank)
            ++starts[routes.expert(token, rank) + 1];
    for (int64_t expert = 0; expert < routes.routing.experts; ++expert)
        starts[expert + 1] += starts[expert];
}

void route(ThreadPool& pool, const float* scores, int64_t width, const Routes& routes) {
    const int64_t experts = routes.routing.experts, used = routes.routing.used;
    pool.run(routes.tokens, [&](uint32_t token) {
        const float* row = scores + token * width;
        choose(row, routes, token);
        routes.shared(token) = width > experts ? 1 / (1 + std::exp(-row[experts])) : 0;
    }, experts * (used + 5.0));
    int32_t next[MAX_EXPERTS + 1];
    count_rows(routes, next);
    for (int64_t token = 0; token < routes.tokens; ++token)
        for (int64_t rank = 0; rank < used; ++rank)
            routes.places(token)[rank] = next[routes.expert(token, rank)]++;
}

void dispatch(ThreadPool& pool, const Input& x, const Routes& routes, const Input& out) {
    pool.run(routes.tokens, [&](uint32_t token) {
        for (int64_t rank = 0; rank < routes.routing.used; ++rank)
            copy_packed(x, token, out, routes.place(token, rank));
    }, routes.routing.used * x.columns * 0.1);
}

void multiply_experts(ThreadPool& pool, int format, const Gemm& gemm, const Routes& routes) {
    int32_t starts[MAX_EXPERTS + 1], used[MAX_EXPERTS];
    count_rows(routes, starts);
    int64_t ranges = 0;
    for (int64_t expert = 0; expert < routes.routing.experts; ++expert)
        if (starts[expert + 1] > starts[expert]) {
            used[ranges] = expert;
            starts[++ranges] = starts[expert + 1];
        }
    multiply(pool, format, gemm, used, starts, ranges);
}

// The shared expert first, then by weight, the heaviest first, whatever else is in the batch.
void combine(
    ThreadPool& pool, const float* x, const Routes& routes, const float* shared, float* out,
    int64_t width) {
    pool.run(routes.tokens, [&](uint32_t token) {
        float* to = out + token * width;
        std::fill_n(to, width, 0.0f);
        if (shared) add_scaled(to, shared + token * width, routes.shared(token), width);
        for (int64_t rank = 0; rank < routes.routing.used; ++rank)
            add_scaled(
                to, x + routes.place(token, rank) * width, routes.weights(token)[rank], width);
    }, width * routes.routing.used * 0.25);
}
