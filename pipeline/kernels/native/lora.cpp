// Low-rank updates, segment by segment: shrink x to the ranks of all projections of a site, then
// expand into the columns of each. The layout is that of the fp32 matrices, 16 ranks or 16 rows a
// unit.
#include <algorithm>
#include <vector>

#include "kernels.h"

namespace {

constexpr int64_t ROWS_AT_ONCE = 512;

// Of T tokens, what one unit's `count` columns (or ranks) amount to: use(token, sum) for each. Sums that
// were returned instead would be kept in memory rather than in registers.
template <NumberFormat F, int T, class Use>
ALWAYS_INLINE void multiply_unit(
    const StoredNumber<F>* unit, int64_t count, const float* x, int64_t stride, const Use& use) {
    Accumulators<Unit, T> accumulators;
    for (int64_t i = 0; i < count; ++i, unit += UNIT) {
        __builtin_prefetch((const uint8_t*)unit + 4096);
        accumulators.add(load_unit(unit), x + i, stride);
    }
    accumulators.each(use);
}

template <NumberFormat F>
ALWAYS_INLINE Floats scaled(Floats sum, const uint8_t* scales, int64_t row) {
    return F.scale_bits ? sum * load<Floats>(scales + row * sizeof(float)) : sum;
}

// Where the numbers of the unit that begins at `row` are, in a matrix of `rows` with its scales.
template <NumberFormat F>
ALWAYS_INLINE const StoredNumber<F>* unit_of(
    const uint8_t* matrix, int64_t rows, int64_t columns, int64_t row) {
    return (const StoredNumber<F>*)(matrix + lora_scale_bytes(F, rows)) + row * columns;
}

// x becomes factor · x + summand, row by row. One function for any number of tokens, so that each is
// rounded alike.
__attribute__((noinline)) void transform(
    float* x, const float* factors, const float* summands, int64_t count) {
    for (int64_t i = 0; i < count; ++i) x[i] = factors[i] * x[i] + summands[i];
}

struct Shrink {
    const LoraSegment& segment;
    const LoraSite& site;
    const Input& x;
    float* shrunk;  // (tokens, ranks) of this segment

    template <NumberFormat F, int T>
    void tile(int64_t token, int64_t rank) const {
        const uint8_t* a = segment.data + site.a;
        const auto* unit = unit_of<F>(a, site.ranks, x.columns, rank);
        const float* from = row_of(x, segment.start + token);
        multiply_unit<F, T>(unit, x.columns, from, x.columns, [&](int t, Unit sum) {
            float* to = shrunk + (token + t) * site.ranks + rank;
            sum.each([&](int row, Floats part) {
                store(to + row, scaled<F>(part, a, rank + row));
            });
        });
    }
};

struct Expand {
    const LoraSegment& segment;
    const LoraSite& site;
    const LoraPart& part;
    const float* shrunk;
    float* out;
    int64_t width;

    template <NumberFormat F, int T>
    void tile(int64_t token, int64_t first) const {
        const uint8_t* b = segment.data + part.b;
        const auto* unit = unit_of<F>(b, part.columns, part.rank, first);
        const int64_t count = std::min<int64_t>(UNIT, part.columns - first);
        const float* from = shrunk + token * site.ranks + part.first;
        multiply_unit<F, T>(unit, part.rank, from, site.ranks, [&](int t, Unit sum) {
            float result[UNIT];
            sum.each([&](int row, Floats rows) {
                store(result + row, scaled<F>(rows, b, first + row));
            });
            float* to = out + (segment.start + token + t) * width + part.column + first;
            add_to(to, result, count);
            if (part.affine) {
                const uint8_t* factors = segment.data + part.affine;
                const uint8_t* summands = factors + affine_bytes(part.columns);
                transform(to, (const float*)factors + first, (const float*)summands + first, count);
            }
        });
    }
};

// All tokens of the segment against the unit that begins at `row`.
template <class Task>
void run_unit(const Task& task, int64_t row) {
    with_number_format(task.segment.format, [&]<NumberFormat F>() {
        for_tiles<isa::LORA_TOKENS>(
            task.segment.stop - task.segment.start,
            [&]<int T>(int64_t token) { task.template tile<F, T>(token, row); });
    });
}

}  // namespace

void add_lora(
    ThreadPool& pool, const Input& x, const LoraSegment* segments, int64_t count, int64_t site,
    float* out, int64_t width) {
    thread_local std::vector<float> shrunk;
    thread_local std::vector<std::pair<Shrink, int64_t>> shrinks;
    thread_local std::vector<std::pair<Expand, int64_t>> expands;
    shrinks.clear();
    expands.clear();
    int64_t size = 0;
    for (int64_t i = 0; i < count; ++i)
        size += segments[i].sites[site].ranks * (segments[i].stop - segments[i].start);
    shrunk.resize(size);
    float* mine = shrunk.data();
    for (int64_t i = 0; i < count; ++i) {
        const LoraSegment& segment = segments[i];
        const LoraSite& here = segment.sites[site];
        for (int64_t rank = 0; rank < here.ranks; rank += UNIT)
            shrinks.push_back({Shrink{segment, here, x, mine}, rank});
        for (int p = 0; p < here.parts; ++p)
            for (int64_t row = 0; row < here.part[p].columns; row += ROWS_AT_ONCE)
                expands.push_back({Expand{segment, here, here.part[p], mine, out, width}, row});
        mine += here.ranks * (segment.stop - segment.start);
    }
    const auto* shrink = shrinks.data();
    const double each = (double)x.tokens / std::max<int64_t>(1, count);  // tokens of a segment
    pool.run(
        shrinks.size(), [=](uint32_t i) { run_unit(shrink[i].first, shrink[i].second); },
        each * x.columns);
    const auto* expand = expands.data();
    pool.run(expands.size(), [=](uint32_t i) {
        const auto& [task, first] = expand[i];
        const int64_t last = std::min<int64_t>(first + ROWS_AT_ONCE, task.part.columns);
        for (int64_t row = first; row < last; row += UNIT) run_unit(task, row);
    }, each * ROWS_AT_ONCE);
}
