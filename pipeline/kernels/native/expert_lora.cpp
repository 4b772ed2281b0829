// Low-rank updates of experts: of each expert's rows, which lie in the order of their tokens, those of one
// adapter are neighbours, and so are a segment by that expert's matrices.
#include "kernels.h"

namespace {

bool adapts(const LoraSegment* segments, int64_t count, int64_t site) {
    for (int64_t i = 0; i < count; ++i)
        if (segments[i].sites[site].parts) return true;
    return false;
}

LoraJob job_of(const LoraSegment& segment, int64_t site, int64_t expert, const int32_t* rows) {
    LoraJob job{segment, segment.sites[site], rows};
    const int64_t shift = expert * job.site.stride;
    job.site.a += shift;
    for (int p = 0; p < job.site.parts; ++p) {
        LoraPart& part = job.site.part[p];
        part.b += shift;
        if (part.affine) part.affine += shift;
    }
    return job;
}

// Of each place of an expert: the token that stands there, and that token's segment, −1 for none.
struct Places {
    std::vector<int32_t> tokens, segments;

    void fill(const Routes& routes, const LoraSegment* given, int64_t count) {
        tokens.assign(routes.rows(), 0);
        segments.assign(routes.rows(), -1);
        for (int64_t i = 0; i < count; ++i)
            for (int64_t token = given[i].start; token < given[i].stop; ++token)
                for (int64_t rank = 0; rank < routes.routing.used; ++rank) {
                    const int64_t place = routes.place(token, rank);
                    tokens[place] = token, segments[place] = i;
                }
    }
};

}  // namespace

void add_expert_lora(
    ThreadPool& pool, const Input& x, const LoraSegment* segments, int64_t count, int64_t site,
    const Routes& routes, bool dispatched, float* out, int64_t width) {
    if (!adapts(segments, count, site)) return;
    thread_local std::vector<LoraJob> jobs;
    thread_local Places places;
    int32_t starts[MAX_EXPERTS + 1];
    count_rows(routes, starts);
    places.fill(routes, segments, count);
    jobs.clear();
    for (int64_t expert = 0; expert < routes.routing.experts; ++expert)
        for (int64_t row = starts[expert], next; row < starts[expert + 1]; row = next) {
            const int32_t owner = places.segments[row];
            for (next = row + 1; next < starts[expert + 1] && places.segments[next] == owner;) ++next;
            if (owner < 0 || !segments[owner].sites[site].parts) continue;
            jobs.push_back(job_of(
                segments[owner], site, expert, dispatched ? nullptr : places.tokens.data()));
            jobs.back().segment.start = row, jobs.back().segment.stop = next;
        }
    add_lora(pool, x, jobs, out, width);
}
