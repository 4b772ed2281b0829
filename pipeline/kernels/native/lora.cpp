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
    const LoraJob& job;
    const Input& x;
    float* shrunk;  // (tokens, ranks) of this job

    // Of T tokens, beside one another.
    template <int T>
    const float* input(int64_t token) const {
        const int64_t first = job.segment.start + token;
        if (!job.rows) return row_of(x, first);
        thread_local std::vector<float> gathered;
        gathered.resize(T * x.columns);
        for (int t = 0; t < T; ++t)
            std::copy_n(row_of(x, job.rows[first + t]), x.columns, gathered.data() + t * x.columns);
        return gathered.data();
    }

    template <NumberFormat F, int T>
    void tile(int64_t token, int64_t rank) const {
        const uint8_t* a = job.segment.data + job.site.a;
        const auto* unit = unit_of<F>(a, job.site.ranks, x.columns, rank);
        multiply_unit<F, T>(unit, x.columns, input<T>(token), x.columns, [&](int t, Unit sum) {
            float* to = shrunk + (token + t) * job.site.ranks + rank;
            sum.each([&](int row, Floats part) {
                store(to + row, scaled<F>(part, a, rank + row));
            });
        });
    }
};

struct Expand {
    const LoraJob& job;
    const LoraPart& part;
    const float* shrunk;
    float* out;
    int64_t width;

    template <NumberFormat F, int T>
    void tile(int64_t token, int64_t first) const {
        const uint8_t* b = job.segment.data + part.b;
        const auto* unit = unit_of<F>(b, part.columns, part.rank, first);
        const int64_t count = std::min<int64_t>(UNIT, part.columns - first);
        const float* from = shrunk + token * job.site.ranks + part.first;
        multiply_unit<F, T>(unit, part.rank, from, job.site.ranks, [&](int t, Unit sum) {
            float result[UNIT];
            sum.each([&](int row, Floats rows) {
                store(result + row, scaled<F>(rows, b, first + row));
            });
            float* to = out + (job.segment.start + token + t) * width + part.column + first;
            add_to(to, result, count);
            if (part.affine) {
                const uint8_t* factors = job.segment.data + part.affine;
                const uint8_t* summands = factors + affine_bytes(part.columns);
                transform(to, (const float*)factors + first, (const float*)summands + first, count);
            }
        });
    }
};

// All tokens of the job against the unit that begins at `row`.
template <class Task>
void run_unit(const Task& task, int64_t row) {
    const LoraSegment& segment = task.job.segment;
    with_number_format(segment.format, [&]<NumberFormat F>() {
        for_tiles<isa::LORA_TOKENS>(
            segment.stop - segment.start,
            [&]<int T>(int64_t token) { task.template tile<F, T>(token, row); });
    });
}

// More chunks than a loop of the pool has are several loops.
template <class Body>
void run_all(ThreadPool& pool, int64_t chunks, const Body& body, double nanoseconds) {
    constexpr int64_t MOST = MAX_CHUNKS - 1;
    for (int64_t done = 0; done < chunks; done += MOST)
        pool.run(
            std::min(chunks - done, MOST), [&, done](uint32_t i) { body(done + i); }, nanoseconds);
}

}  // namespace

void add_lora(
    ThreadPool& pool, const Input& x, const std::vector<LoraJob>& jobs, float* out, int64_t width) {
    thread_local std::vector<float> shrunk;
    thread_local std::vector<std::pair<Shrink, int64_t>> shrinks;
    thread_local std::vector<std::pair<Expand, int64_t>> expands;
    shrinks.clear();
    expands.clear();
    int64_t size = 0, tokens = 0;
    for (const auto& [segment, site, rows] : jobs) {
        size += site.ranks * (segment.stop - segment.start);
        tokens += segment.stop - segment.start;
    }
    shrunk.resize(size);
    float* mine = shrunk.data();
    for (const LoraJob& job : jobs) {
        for (int64_t rank = 0; rank < job.site.ranks; rank += UNIT)
            shrinks.push_back({Shrink{job, x, mine}, rank});
        for (int p = 0; p < job.site.parts; ++p)
            for (int64_t row = 0; row < job.site.part[p].columns; row += ROWS_AT_ONCE)
                expands.push_back({Expand{job, job.site.part[p], mine, out, width}, row});
        mine += job.site.ranks * (job.segment.stop - job.segment.start);
    }
    const auto* shrink = shrinks.data();
    const double each = (double)tokens / std::max<int64_t>(1, jobs.size());  // tokens of a job
    run_all(
        pool, shrinks.size(), [=](int64_t i) { run_unit(shrink[i].first, shrink[i].second); },
        each * x.columns);
    const auto* expand = expands.data();
    run_all(pool, expands.size(), [=](int64_t i) {
        const auto& [task, first] = expand[i];
        const int64_t last = std::min<int64_t>(first + ROWS_AT_ONCE, task.part.columns);
        for (int64_t row = first; row < last; row += UNIT) run_unit(task, row);
    }, each * ROWS_AT_ONCE);
}

void add_lora(
    ThreadPool& pool, const Input& x, const LoraSegment* segments, int64_t count, int64_t site,
    float* out, int64_t width) {
    thread_local std::vector<LoraJob> jobs;
    jobs.clear();
    for (int64_t i = 0; i < count; ++i)
        if (segments[i].sites[site].parts) jobs.push_back({segments[i], segments[i].sites[site], nullptr});
    add_lora(pool, x, jobs, out, width);
}
