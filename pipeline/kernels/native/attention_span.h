// Softmax attention over one span of the context. A row's result depends on the span alone: not on
// who computes it, nor on what other rows read it along. Spans are merged in order.
#pragma once
#include <limits>

#include "attention_tile.h"
#include "kv_pool.h"
#include "online_softmax.h"
#include "tiles.h"

namespace {  // calls are direct, as in gemm.h

// The rows of a tile over one span.
template <NumberFormat F>
class SpanAttention {
public:
    static constexpr int64_t STRIDE = SPAN + UNIT;  // of scores: no power of two

    // Of the span that begins at `first` the tile sees something; `queries` are (rows, head width),
    // `scores` (rows, STRIDE).
    SpanAttention(
        const KvLayer<F>& pool, const Tile& tile, int64_t key_head, int64_t group, int64_t first,
        const float* queries, float* scores, float limit)
        : tile_(tile), span_(tile.seen().clipped({first, first + SPAN})), group_(group),
          width_(pool.heads.width), queries_(queries), scores_(scores), limit_(limit) {
        const int64_t end = tile.seen().end;
        for (int64_t at = start(); at < std::min(end, start() + 2 * SPAN); at += KV_BLOCK)
            heads_[known_++] = pool.head(tile.token, at, key_head);
        count_ = pieces_of(span_.end - start(), KV_BLOCK);
    }

    void run(const Partial& out) const {
        for (int64_t number = 0; number < count_; ++number) score(number);
        for (int64_t row = 0; row < rows(); ++row) softmax(row, out);
        mix(out);
    }

private:
    int64_t rows() const { return tile_.tokens * group_; }
    int64_t start() const { return span_.first / KV_BLOCK * KV_BLOCK; }
    Range seen(int64_t token) const { return tile_.seen(token).clipped(span_); }

    void score(int64_t number) const {
        for_tiles<isa::QUERY_HEADS>(rows(), [&]<int T>(int64_t row) {
            if (row == 0)
                score_tile<T, true>(number, row);
            else
                score_tile<T, false>(number, row);
        });
    }

    // Who reads a block first asks for what will be read next.
    template <int T, bool FIRST>
    void score_tile(int64_t number, int64_t row) const {
        const KvHead<F>& head = heads_[number];
        const auto* next = heads_[std::min(number + 1, known_ - 1)].keys;
        const float* x = queries_ + row * width_;
        float* to = scores_ + row * STRIDE + number * KV_BLOCK;
        Accumulators<Unit, T> accumulators;
        for (int64_t i = 0; i < width_ * KV_BLOCK; i += KV_BLOCK, ++x) {
            if (FIRST) __builtin_prefetch(next + i);
            if (FIRST) __builtin_prefetch(head.values + i);
            accumulators.add(load_unit(head.keys + i), x, width_);
        }
        accumulators.each([&](int t, Unit sum) {
            sum.each([&](int at, Floats part) {
                if constexpr (F.scale_bits) part *= load<Floats>(head.key_scales + at);
                store(to + t * STRIDE + at, part);
            });
        });
    }

    // Scores become exponentials, zeros where hidden, and these the weights of what is stored.
    void softmax(int64_t row, const Partial& out) const {
        const Range mine = seen(row / group_);
        out.sums[row] = 0;
        if (mine.empty()) return;
        float* from = scores_ + row * STRIDE;
        const int64_t length = count_ * KV_BLOCK;
        if (limit_)
            for (int64_t i = 0; i < length; i += LANES)
                store(from + i, capped(load<Floats>(from + i), limit_));
        constexpr float HIDDEN = -std::numeric_limits<float>::infinity();
        std::fill(from, from + (mine.first - start()), HIDDEN);
        std::fill(from + (mine.end - start()), from + length, HIDDEN);
        Floats largest = load<Floats>(from);
        for (int64_t i = LANES; i < length; i += LANES)
            largest = maximum(largest, load<Floats>(from + i));
        out.largest[row] = maximum_of(largest);
        const Floats shift = broadcast(out.largest[row]);
        Floats sum{};
        for (int64_t i = 0; i < length; i += LANES) {
            Floats weight = exponential(load<Floats>(from + i) - shift);
            sum += weight;
            if constexpr (F.scale_bits)
                weight *= load<Floats>(heads_[i / KV_BLOCK].value_scales + i % KV_BLOCK);
            store(from + i, weight);
        }
        out.sums[row] = sum_of(sum);
    }

    // Only of the positions that a token sees: zero times what a former owner left in a block is no
    // zero if that was infinite. What all tokens see they read together.
    void mix(const Partial& out) const {
        std::fill_n(out.mixed, rows() * out.width, 0.0f);
        Range shared = span_;
        for (int64_t token = 0; token < tile_.tokens; ++token) shared = shared.clipped(seen(token));
        if (shared.empty()) shared = {span_.end, span_.end};
        for (int64_t token = 0; token < tile_.tokens; ++token)
            mix(token * group_, group_, seen(token).clipped({0, shared.first}), out);
        mix(0, rows(), shared, out);
        for (int64_t token = 0; token < tile_.tokens; ++token)
            mix(token * group_, group_, seen(token).clipped({shared.end, span_.end}), out);
    }

    void mix(int64_t first, int64_t count, Range positions, const Partial& out) const {
        if (positions.empty()) return;
        const Range places{positions.first - start(), positions.end - start()};
        for (int64_t column = 0; column < out.width; column += UNIT)
            for_tiles<isa::QUERY_HEADS>(count, [&]<int T>(int64_t row) {
                if (first + row == 0)
                    mix_tile<T, true>(first + row, places, column, out);
                else
                    mix_tile<T, false>(first + row, places, column, out);
            });
    }

    template <int T, bool FIRST>
    void mix_tile(int64_t row, Range places, int64_t column, const Partial& out) const {
        const float* weights = scores_ + row * STRIDE;
        float* to = out.row(row) + column;
        const int64_t width = out.width;
        Accumulators<Unit, T> accumulators([&](int t) { return load_unit(to + t * width); });
        for (int64_t at = places.first; at < places.end;) {
            const int64_t end = std::min(places.end, (at / KV_BLOCK + 1) * KV_BLOCK);
            const auto* values = heads_[at / KV_BLOCK].values + at % KV_BLOCK * width + column;
            const int64_t later = std::min(count_ + at / KV_BLOCK, known_ - 1);
            const auto* next = heads_[later].keys + column * KV_BLOCK;
            for (; at < end; ++at, values += width) {
                if (FIRST) __builtin_prefetch(next + at % KV_BLOCK * KV_BLOCK);
                accumulators.add(load_unit(values), weights + at, STRIDE);
            }
        }
        accumulators.each([&](int t, Unit sum) {
            sum.each([&](int at, Floats part) { store(to + t * width + at, part); });
        });
    }

    const Tile& tile_;
    const Range span_;
    const int64_t group_, width_;
    const float* queries_;
    float* scores_;
    const float limit_;
    KvHead<F> heads_[2 * SPAN / KV_BLOCK];  // of this span and the next
    int64_t count_, known_ = 0;
};

}  // namespace
