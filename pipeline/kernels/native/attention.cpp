// Attention over the paged pool: the tokens of a tile read keys and values together.
#include <cmath>
#include <vector>

#include "attention_span.h"
#include "attention_work.h"
#include "kernels.h"

namespace {

constexpr int64_t TILE_ROWS = 64;

template <NumberFormat F>
class Attention {
public:
    // `qkv` has rows of `stride` numbers; scores are multiplied by `scale` (0 for 1 / √width), and kept
    // below `limit`, if it isn't 0.
    Attention(
        const float* qkv, int64_t stride, const KvLayer<F>& pool, int64_t window, float scale,
        float limit, const Input& out)
        : qkv_(qkv), stride_(stride), pool_(pool), heads_(pool.heads), out_(out),
          scale_(scale ? scale : 1 / std::sqrt((float)heads_.width)), limit_(limit),
          group_(heads_.queries / heads_.keys), width_(padded_width(heads_)),
          works_(pool.forward, heads_, TILE_ROWS, window),
          partials_(works_.partials() * Partial::size(group_, width_)) {}

    int64_t items() const { return works_.items(); }
    double item_nanoseconds() const {
        double positions = 0;
        for (int64_t token = 0; token < out_.tokens; ++token) positions += pool_.forward.positions[token] + 1;
        return positions * out_.columns / 8 / std::max<int64_t>(1, items());
    }

    void compute(int64_t item) {
        const Work& work = works_.of_item(item);
        const int64_t key_head = (item - work.first_item) / work.pieces;
        const int64_t first = (item - work.first_item) % work.pieces * work.run;
        const int64_t rows = work.tile.tokens * group_;
        thread_local std::vector<float> scratch;
        const int64_t size = Partial::size(rows, width_);
        const int64_t wanted = rows * (heads_.width + SpanAttention<F>::STRIDE) + 2 * size;
        if ((int64_t)scratch.size() < wanted) scratch.resize(wanted);
        float* scores = scratch.data() + rows * heads_.width;
        float* results = scores + rows * SpanAttention<F>::STRIDE;
        scale_queries(work.tile, key_head, scratch.data());
        const Partial whole = Partial::at(results, rows, width_);
        const Partial next = Partial::at(results + size, rows, width_);
        for (int64_t span = first; span < std::min(first + work.run, work.tile.spans()); ++span) {
            const SpanAttention<F> attention(
                pool_, work.tile, key_head, group_, (work.tile.first_span() + span) * SPAN, scratch.data(), scores,
                limit_);
            if (work.is_cut()) {
                attention.run(partial(work, key_head, span));
            } else {
                attention.run(span ? next : whole);
                for (int64_t row = 0; span && row < rows; ++row) whole.merge(row, next);
            }
        }
        if (!work.is_cut())
            for (int64_t token = 0; token < work.tile.tokens; ++token)
                finish(whole, token * group_, work.tile.token + token, key_head);
    }

    // Of a token whose spans were shared out, in their order.
    void merge(int64_t token) {
        const Work& work = works_.of_token(token);
        for (int64_t key_head = 0; work.is_cut() && key_head < heads_.keys; ++key_head) {
            const Partial whole = partial(work, key_head, 0);
            for (int64_t span = 1; span < work.tile.spans(); ++span)
                for (int64_t row = 0; row < group_; ++row) whole.merge(row, partial(work, key_head, span));
            finish(whole, 0, token, key_head);
        }
    }

private:
    Partial partial(const Work& work, int64_t key_head, int64_t span) {
        const int64_t number = work.first_partial + key_head * work.tile.spans() + span;
        return Partial::at(partials_.data() + number * Partial::size(group_, width_), group_, width_);
    }

    void scale_queries(const Tile& tile, int64_t key_head, float* to) const {
        for (int64_t token = 0; token < tile.tokens; ++token) {
            const float* from = qkv_ + (tile.token + token) * stride_ + key_head * group_ * heads_.width;
            for (int64_t i = 0; i < group_ * heads_.width; ++i) *to++ = from[i] * scale_;
        }
    }

    // A token's rows, from the first on, go to their place in the output.
    void finish(const Partial& from, int64_t first, int64_t token, int64_t key_head) const {
        float* to = row_of(out_, token) + key_head * group_ * heads_.width;
        for (int64_t row = first; row < first + group_; ++row, to += heads_.width) {
            const float inverse = 1 / from.sums[row];
            for (int64_t i = 0; i < heads_.width; ++i) to[i] = from.row(row)[i] * inverse;
        }
    }

    const float* qkv_;
    const int64_t stride_;
    const KvLayer<F> pool_;
    const HeadShape& heads_;
    const Input& out_;
    const float scale_, limit_;
    const int64_t group_, width_;  // query heads of a key head, and their width in the pool
    const WorkList works_;
    std::vector<float> partials_;
};

}  // namespace

void attend(
    ThreadPool& pool, const float* qkv, int64_t width, const Forward& forward, int64_t layer,
    const HeadShape& heads, int64_t window, float scale, float limit, const Input& out) {
    with_number_format(forward.kv_format, [&]<NumberFormat F>() {
        Attention<F> attention(
            qkv, width, KvLayer<F>{forward, layer, heads}, window, scale, limit, out);
        pool.run(
            attention.items(), [&](uint32_t item) { attention.compute(item); },
            attention.item_nanoseconds());
        pool.run(
            forward.tokens,
            [&](uint32_t token) {
                attention.merge(token);
                pack_input(out, token);
            },
            out.columns);
    });
}
