// The operations on what they are handed: whether it fits together, and what is done with it. A fault is
// found by sizes alone, in a handful of comparisons, so that no wrong size ever reaches a loop.
#pragma once
#include "handed.h"

struct Linear {
    const Input* x;
    const uint8_t* weights;
    const float* bias;
    int64_t rows, columns;
    float* out;
    int64_t size;

    Gemm gemm() const { return {weights, bias, x->packed, out, x->tokens, rows, columns}; }
    Fault fault() const {
        if (Fault fault = fault_of(x)) return fault;
        if (columns != x->columns) return "activations for a matrix of another width";
        if (!weights || !is_count(rows, PANEL * MAX_CHUNKS)) return "no matrix";
        if (!holds(out, size, x->tokens * gemm().width())) return "an output of fewer than whole panels";
        return nullptr;
    }
    void run(ThreadPool& pool) const { multiply(pool, x->format, gemm()); }
};

struct Norm {
    float* residual;
    int64_t size;
    const float* delta;  // or null
    int64_t delta_width, delta_size;
    const float* weight;
    int64_t weight_size;
    float epsilon;
    const Input* out;

    Fault fault() const {
        if (Fault fault = fault_of(out)) return fault;
        if (!holds(residual, size, out->tokens * out->columns)) return "a residual of another size";
        if (delta && (delta_width < out->columns || !is_count(delta_width) ||
                      !holds(delta, delta_size, out->tokens * delta_width)))
            return "what is added to the residual is of another size";
        if (weight && weight_size != out->columns)
            return "a norm of another width";
        return nullptr;
    }
    void run(ThreadPool& pool) const {
        norm(pool, residual, delta, delta_width, weight, epsilon, *out);
    }
};

struct Gate {
    const float* gate_up;
    int64_t width, size;
    int activation;
    const Input* out;

    Fault fault() const {
        if (Fault fault = fault_of(out)) return fault;
        if (activation != ACTIVATION_SILU && activation != ACTIVATION_GELU_TANH)
            return "a gate of no known activation";
        if (!is_count(width) || width < 2 * out->columns || !holds(gate_up, size, out->tokens * width))
            return "gate and up of another width";
        if (out->tokens * (out->columns / GATE_CHUNK + 1) >= MAX_CHUNKS) return "too many tokens to gate";
        return nullptr;
    }
    void run(ThreadPool& pool) const { gate(pool, gate_up, width, activation, *out); }
};

struct PackInput {
    const Input* input;

    Fault fault() const { return fault_of(input); }
    void run(ThreadPool& pool) const {
        pool.run(
            input->tokens, [&](uint32_t token) { pack_input(*input, token); },
            input->columns * 0.25);
    }
};

struct RotateAndStore {
    float* qkv;
    int64_t width, size;
    const Forward* forward;
    int64_t layer;
    const HeadShape* heads;
    const HeadNormWeights* norms;
    const Turn* turn;

    Fault fault() const {
        if (Fault fault = attention_fault(forward, layer, heads, qkv, width, size)) return fault;
        if (!norms || ((norms->query || norms->key) && norms->width != heads->width))
            return "norms for heads of another width";
        if (!turn || !is_count(turn->first) || !is_count(turn->pairs) || 2 * turn->pairs > heads->width)
            return "angles for other heads";
        if (forward->tokens && (forward->angles % forward->turned ||
                                turn->first + turn->pairs > forward->angles / forward->turned))
            return "angles for other heads";
        return nullptr;
    }
    void run(ThreadPool& pool) const {
        rotate_and_store(pool, qkv, width, *forward, layer, *heads, *norms, *turn);
    }
};

struct Attend {
    const float* qkv;
    int64_t width, size;
    const Forward* forward;
    int64_t layer;
    const HeadShape* heads;
    int64_t window;
    float scale, limit;  // 0 for 1 / √width, and for no limit
    const Input* out;

    Fault fault() const {
        if (Fault fault = attention_fault(forward, layer, heads, qkv, width, size)) return fault;
        if (Fault fault = fault_of(out)) return fault;
        if (out->tokens != forward->tokens || out->columns != heads->queries * heads->width)
            return "an output for other heads";
        return window < 0 ? "a window that sees nothing" : nullptr;
    }
    void run(ThreadPool& pool) const {
        attend(pool, qkv, width, *forward, layer, *heads, window, scale, limit, *out);
    }
};

struct AddLora {
    const Input* x;
    const LoraSegment* segments;
    int64_t count, site;
    float* out;
    int64_t width, size;

    Fault fault() const {
        if (Fault fault = fault_of(x)) return fault;
        if (!is_count(count) || (count && !segments)) return "no segments";
        if (!is_count(width) || !holds(out, size, x->tokens * width)) return "an output of another size";
        for (int64_t i = 0; i < count; ++i) {
            const LoraSegment& each = segments[i];
            if (each.start < 0 || each.start > each.stop || each.stop > x->tokens)
                return "a segment beyond the tokens";
            if (Fault fault = segment_fault(each, site, x->columns, width)) return fault;
        }
        return nullptr;
    }
    void run(ThreadPool& pool) const { add_lora(pool, *x, segments, count, site, out, width); }
};

// Of rows that hold `width` numbers each, the first `columns` of each.
struct Rows {
    float* values;
    int64_t count, width, size, columns;

    Fault fault() const {
        const bool there = is_count(count, MAX_CHUNKS - 1) && is_count(width) && 0 <= columns &&
                           columns <= width && holds(values, size, count * width);
        return there ? nullptr : "rows of another size";
    }
    template <class Use>
    void each(ThreadPool& pool, const Use& use) const {
        pool.run(count, [&](uint32_t row) { use(values + row * width, row); }, columns * 0.25);
    }
};

struct Scale {
    Rows rows;
    float factor;

    Fault fault() const { return rows.fault(); }
    void run(ThreadPool& pool) const {
        rows.each(pool, [&](float* row, uint32_t) { scale(row, factor, rows.columns); });
    }
};

struct Cap {
    Rows rows;
    float limit;

    Fault fault() const { return rows.fault(); }
    void run(ThreadPool& pool) const {
        rows.each(pool, [&](float* row, uint32_t) { cap(row, limit, rows.columns); });
    }
};

struct Clip {
    Rows rows;
    float limit;

    Fault fault() const { return limit >= 0 ? rows.fault() : "a clip to less than nothing"; }
    void run(ThreadPool& pool) const {
        rows.each(pool, [&](float* row, uint32_t) { clip(row, limit, rows.columns); });
    }
};

struct Centre {
    Rows rows;

    Fault fault() const { return rows.columns ? rows.fault() : "a mean of nothing"; }
    void run(ThreadPool& pool) const {
        rows.each(pool, [&](float* row, uint32_t) { centre(row, rows.columns); });
    }
};

// The RMS norm of some columns of every row, in place.
struct NormColumns {
    Rows rows;  // whose columns end with the last of them
    int64_t first;
    const float* weight;
    int64_t weight_size;
    float epsilon;

    Fault fault() const {
        if (Fault fault = rows.fault()) return fault;
        const bool fits = first >= 0 && weight && is_count(weight_size, rows.columns - first);
        return fits && first + weight_size == rows.columns ? nullptr : "a norm of another width";
    }
    void run(ThreadPool& pool) const {
        rows.each(pool, [&](float* row, uint32_t) {
            rms_norm(row + first, weight, epsilon, weight_size, row + first);
        });
    }
};

// The rows of the outputs, beside one another.
struct TakeOutputs {
    const float* x;
    int64_t width, size;
    const Forward* forward;
    Rows to;

    Fault fault() const {
        if (Fault fault = to.fault()) return fault;
        if (!forward || to.count != forward->wanted || !is_count(width) || width < to.columns ||
            !holds(x, size, forward->tokens * width))
            return "outputs of rows of another size";
        return nullptr;
    }
    void run(ThreadPool& pool) const {
        to.each(pool, [&](float* row, uint32_t i) {
            std::copy_n(x + forward->outputs[i] * width, to.columns, row);
        });
    }
};
