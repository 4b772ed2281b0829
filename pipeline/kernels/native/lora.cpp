// Low-rank updates, segment by segment: shrink x to the ranks of all projections of a site, then
// expand into the columns of each. The layout is that of the fp32 matrices, 16 ranks or 16 rows a
// unit; numbers are fp32, fp16, or int8 with a scale for each row of A and of B.
#include <algorithm>
#include <vector>

#include "kernels.h"
#include "vector.h"

namespace {

constexpr int64_t ROWS_AT_ONCE = 256;

template <int BITS>
ALWAYS_INLINE f32x8 load_numbers(const uint8_t* from) {
    if constexpr (BITS == 32) return load<f32x8>(from);
    if constexpr (BITS == 16) return load_half(from);
    return to_float(load_bytes(from));
}

// Sums of one unit over `count` columns (or ranks) for T tokens.
template <int BITS, int T>
ALWAYS_INLINE Sums<f32x8, T, 2> multiply_unit(
    const uint8_t* unit, int64_t count, const float* x, int64_t stride) {
    constexpr int BYTES = UNIT * BITS / 8;
    Sums<f32x8, T, 2> sums;
    for (int64_t i = 0; i < count; ++i, unit += BYTES) {
        __builtin_prefetch(unit + 2048);
        sums.add(load_numbers<BITS>(unit), load_numbers<BITS>(unit + BYTES / 2), x + i, stride);
    }
    return sums;
}

// Where int8 numbers have their scales, before the units.
template <int BITS>
ALWAYS_INLINE const uint8_t* after_scales(const uint8_t* data, int64_t rows) {
    return BITS == 8 ? data + (rows + UNIT - 1) / UNIT * UNIT * sizeof(float) : data;
}

template <int BITS>
ALWAYS_INLINE f32x8 scaled(f32x8 sum, const uint8_t* scales, int64_t row) {
    return BITS == 8 ? sum * load<f32x8>(scales + row * sizeof(float)) : sum;
}

struct Shrink {
    const LoraSegment& segment;
    const LoraSite& site;
    const Input& x;
    float* shrunk;  // (tokens, ranks) of this segment

    template <int BITS, int T>
    void tile(int64_t token, int64_t rank) const {
        const uint8_t* a = segment.data + site.a;
        const uint8_t* unit =
            after_scales<BITS>(a, site.ranks) + rank * x.columns * BITS / 8;
        const auto sums =
            multiply_unit<BITS, T>(unit, x.columns, x.row(segment.start + token), x.columns);
        sums.each([&](int t, f32x8 low, f32x8 high) {
            float* to = shrunk + (token + t) * site.ranks + rank;
            store(to, scaled<BITS>(low, a, rank));
            store(to + 8, scaled<BITS>(high, a, rank + 8));
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

    template <int BITS, int T>
    void tile(int64_t token, int64_t row) const {
        const uint8_t* b = segment.data + part.b;
        const uint8_t* unit = after_scales<BITS>(b, part.columns) + row * part.rank * BITS / 8;
        const auto sums = multiply_unit<BITS, T>(
            unit, part.rank, shrunk + token * site.ranks + part.first, site.ranks);
        const int64_t count = std::min<int64_t>(UNIT, part.columns - row);
        sums.each([&](int t, f32x8 low, f32x8 high) {
            float result[UNIT];
            store(result, scaled<BITS>(low, b, row));
            store(result + 8, scaled<BITS>(high, b, row + 8));
            float* to = out + (segment.start + token + t) * width + part.column + row;
            add_to(to, result, count);
        });
    }
};

template <int BITS, class Task>
void run_tile(const Task& task, int64_t size, int64_t token, int64_t row) {
    switch (size) {
        case 1: return task.template tile<BITS, 1>(token, row);
        case 2: return task.template tile<BITS, 2>(token, row);
        case 3: return task.template tile<BITS, 3>(token, row);
        case 4: return task.template tile<BITS, 4>(token, row);
    }
}

// All tokens of the segment against the unit that begins at `row`.
template <class Task>
void run_unit(const Task& task, int64_t row) {
    const int64_t tokens = task.segment.stop - task.segment.start;
    for (int64_t token = 0; token < tokens; token += 4) {
        const int64_t size = std::min<int64_t>(4, tokens - token);
        if (task.segment.bits == 32)
            run_tile<32>(task, size, token, row);
        else if (task.segment.bits == 16)
            run_tile<16>(task, size, token, row);
        else
            run_tile<8>(task, size, token, row);
    }
}

}  // namespace

void add_lora(
    ThreadPool& pool, const Input& x, const LoraSegment* segments, int64_t count, int64_t site,
    float* out, int64_t width) {
    thread_local std::vector<float> shrunk;
    thread_local std::vector<int64_t> offsets;
    thread_local std::vector<std::pair<Shrink, int64_t>> shrinks;
    thread_local std::vector<std::pair<Expand, int64_t>> expands;
    shrinks.clear();
    expands.clear();
    offsets.clear();
    int64_t size = 0;
    for (int64_t i = 0; i < count; ++i) {
        offsets.push_back(size);
        size += segments[i].sites[site].ranks * (segments[i].stop - segments[i].start);
    }
    shrunk.resize(size);
    for (int64_t i = 0; i < count; ++i) {
        const LoraSegment& segment = segments[i];
        const LoraSite& here = segment.sites[site];
        float* mine = shrunk.data() + offsets[i];
        for (int64_t rank = 0; rank < here.ranks; rank += UNIT)
            shrinks.push_back({Shrink{segment, here, x, mine}, rank});
        for (int p = 0; p < here.parts; ++p)
            for (int64_t row = 0; row < here.part[p].columns; row += ROWS_AT_ONCE)
                expands.push_back({Expand{segment, here, here.part[p], mine, out, width}, row});
    }
    const auto* shrink = shrinks.data();
    pool.run(shrinks.size(), [=](uint32_t i) { run_unit(shrink[i].first, shrink[i].second); });
    const auto* expand = expands.data();
    pool.run(expands.size(), [=](uint32_t i) {
        const auto& [task, first] = expand[i];
        const int64_t last = std::min<int64_t>(first + ROWS_AT_ONCE, task.part.columns);
        for (int64_t row = first; row < last; row += UNIT) run_unit(task, row);
    });
}
