// What a mixture of experts is handed: whether it fits together, and what is done with it.
#pragma once
#include "handed.h"

// As they are handed over; `tokens` is what the size says.
struct RoutesHanded {
    const Routing* routing;
    float* values;
    int64_t width, size;

    int64_t tokens() const { return width ? size / width : 0; }
    Routes routes() const { return {*routing, values, tokens(), width}; }
    Fault fault() const {
        if (!routing || !is_count(routing->experts, MAX_EXPERTS) || routing->used < 1 ||
            routing->used > routing->experts)
            return "no experts, or more in use than there are";
        if (!is_count(width) || width < Routes::columns(*routing)) return "routes of fewer columns";
        if (!is_count(size, int64_t(MAX_COUNT) * MAX_EXPERTS) || size % width ||
            !holds(values, size, size) || routes().rows() >= MAX_CHUNKS)
            return "routes of other than whole tokens";
        return nullptr;
    }
};

struct Route {
    const float* scores;  // of each expert; then, if there is a column left, of the shared one
    int64_t width, size;
    RoutesHanded handed;

    Fault fault() const {
        if (Fault fault = handed.fault()) return fault;
        if (!is_count(width) || width < handed.routing->experts ||
            !holds(scores, size, handed.tokens() * width))
            return "scores of fewer experts";
        return nullptr;
    }
    void run(ThreadPool& pool) const { route(pool, scores, width, handed.routes()); }
};

struct Dispatch {
    const Input* x;
    RoutesHanded handed;
    const Input* out;

    Fault fault() const {
        if (Fault fault = handed.fault()) return fault;
        if (Fault fault = fault_of(x)) return fault;
        if (Fault fault = fault_of(out)) return fault;
        if (x->tokens != handed.tokens() || out->tokens != handed.routes().rows())
            return "routes of other tokens";
        if (x->columns != out->columns || x->format != out->format)
            return "experts' input of another kind";
        return nullptr;
    }
    void run(ThreadPool& pool) const { dispatch(pool, *x, handed.routes(), *out); }
};

struct ExpertLinear {
    const Input* x;
    RoutesHanded handed;
    const uint8_t* weights;
    int64_t rows, columns;  // of the matrices of all experts above one another, of whole panels each
    float* out;
    int64_t size;

    Gemm gemm() const {
        const int64_t each = rows / handed.routing->experts;
        return {weights, nullptr, x->packed, out, x->tokens, each, columns};
    }
    Fault fault() const {
        if (Fault fault = handed.fault()) return fault;
        if (Fault fault = fault_of(x)) return fault;
        if (x->tokens != handed.routes().rows()) return "routes of other tokens";
        if (columns != x->columns) return "activations for matrices of another width";
        if (!weights || !is_count(rows, PANEL * int64_t(MAX_CHUNKS - 1)) ||
            rows % (PANEL * handed.routing->experts))
            return "matrices of other than whole panels";
        if (!holds(out, size, x->tokens * gemm().width())) return "an output of fewer than whole panels";
        return nullptr;
    }
    void run(ThreadPool& pool) const { multiply_experts(pool, x->format, gemm(), handed.routes()); }
};

struct AddExpertLora {
    const Input* x;
    const LoraSegment* segments;
    int64_t count, site;
    RoutesHanded handed;
    bool dispatched;
    float* out;
    int64_t width, size;

    Fault fault() const {
        if (Fault fault = handed.fault()) return fault;
        if (Fault fault = fault_of(x)) return fault;
        const int64_t places = handed.routes().rows();
        if (x->tokens != (dispatched ? places : handed.tokens())) return "routes of other tokens";
        if (!is_count(count) || (count && !segments)) return "no segments";
        if (!is_count(width) || !holds(out, size, places * width)) return "an output of another size";
        for (int64_t i = 0; i < count; ++i) {
            const LoraSegment& each = segments[i];
            if (each.start < 0 || each.start > each.stop || each.stop > handed.tokens())
                return "a segment beyond the tokens";
            if (Fault fault = segment_fault(each, site, x->columns, width, handed.routing->experts))
                return fault;
        }
        return nullptr;
    }
    void run(ThreadPool& pool) const {
        add_expert_lora(
            pool, *x, segments, count, site, handed.routes(), dispatched, out, width);
    }
};

struct Combine {
    const float* x;
    int64_t x_size;
    RoutesHanded handed;
    const float* shared;  // or null
    int64_t shared_size;
    float* out;
    int64_t width, size;

    Fault fault() const {
        if (Fault fault = handed.fault()) return fault;
        const int64_t tokens = handed.tokens();
        if (!is_count(width) || width % UNIT) return "rows of other than whole units";
        if (!holds(x, x_size, handed.routes().rows() * width) ||
            (shared && !holds(shared, shared_size, tokens * width)) ||
            !holds(out, size, tokens * width))
            return "what experts made is of another size";
        return nullptr;
    }
    void run(ThreadPool& pool) const { combine(pool, x, handed.routes(), shared, out, width); }
};
