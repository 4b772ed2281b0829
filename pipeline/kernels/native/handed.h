// Whether what Python hands over fits together, by sizes alone: the first fault in words, or null.
// A handful of comparisons a call, so that no wrong size ever reaches a loop.
#pragma once
#include <new>

#include "kernels.h"

constexpr Fault OUT_OF_MEMORY = "out of memory", CUT_SHORT = "the file is cut short";
constexpr int64_t MAX_COUNT = int64_t(1) << 31;  // of rows, columns, tokens: no product of two overflows

inline bool is_count(int64_t value, int64_t max = MAX_COUNT) { return 0 <= value && value <= max; }

// Whether a buffer of `size` numbers has those wanted; one of none may be nowhere.
inline bool holds(const void* data, int64_t size, int64_t wanted) {
    return wanted == 0 || (data && wanted <= size);
}

// Of a packed matrix.
inline Fault matrix_fault(
    int64_t format, int64_t rows, int64_t columns, const void* data, int64_t size) {
    if (!is_count(rows) || !is_count(columns)) return "a matrix of impossible size";
    if (rows > PANEL * int64_t(MAX_CHUNKS)) return "a matrix of too many rows";
    if (!is_known(WEIGHT_FORMATS, format)) return "a matrix of a precision that isn't known";
    const int64_t wanted = with_weight_format(
        format, [&]<WeightFormat F>() { return matrix_bytes(F, rows, columns); });
    return holds(data, size, wanted) ? nullptr : "a matrix without room for its weights";
}

inline Fault fault_of(const Input* x) {
    if (!x) return "no activations";
    if (!is_count(x->tokens, MAX_CHUNKS - 1) || !is_count(x->columns))
        return "activations of impossible size";
    if (!is_known(WEIGHT_FORMATS, x->format)) return "activations of a precision that isn't known";
    const int64_t wanted = with_weight_format(
        x->format, [&]<WeightFormat F>() { return input_bytes(F, x->tokens, x->columns); });
    const bool there =
        holds(x->packed, x->size, wanted) && holds(x->values, x->count, x->tokens * x->columns);
    return there ? nullptr : "activations without room for their values";
}

inline Fault fault_of(const HeadShape* heads) {
    if (!heads || heads->keys < 1 || heads->queries < 1 || heads->width < 2) return "no heads";
    if (heads->queries > MAX_CHUNKS || heads->width > MAX_CHUNKS) return "heads beyond all measure";
    if (heads->queries % heads->keys) return "query heads that key heads can't share";
    return heads->width % 2 ? "heads of odd width, which can't be turned" : nullptr;
}

// All tokens' places, once a step.
inline Fault fault_of(const Forward* forward) {
    if (!forward) return "no step";
    if (!is_count(forward->tokens, MAX_CHUNKS - 1) || !is_count(forward->table_width, MAX_CHUNKS) ||
        !is_count(forward->rows, MAX_CHUNKS) || !is_count(forward->layers, MAX_CHUNKS) ||
        !is_count(forward->blocks) || !is_count(forward->turned) || !is_count(forward->wanted, MAX_CHUNKS - 1))
        return "a step of impossible size";
    if (forward->wanted && !forward->outputs) return "a step without its outputs";
    for (int64_t i = 0; i < forward->wanted; ++i)
        if (forward->outputs[i] < 0 || forward->outputs[i] >= forward->tokens)
            return "an output beyond the tokens";
    if (forward->tokens == 0) return nullptr;
    if (!forward->positions || !forward->sequences || !forward->block_table || !forward->cosines || !forward->sines)
        return "a step without its tables";
    for (int64_t token = 0; token < forward->tokens; ++token) {
        const int64_t row = forward->sequences[token], position = forward->positions[token];
        if (row < 0 || row >= forward->rows || position < 0 || position / KV_BLOCK >= forward->table_width)
            return "a token beyond the table of blocks";
        if (position >= forward->turned) return "a token beyond the angles";
    }
    for (int64_t i = 0; i < forward->rows * forward->table_width; ++i)
        if (forward->block_table[i] < 0 || forward->block_table[i] >= forward->blocks)
            return "a block beyond the pool";
    return nullptr;
}

// What both halves of attention read and write.
inline Fault attention_fault(
    const Forward* forward, int64_t layer, const HeadShape* heads, const float* qkv, int64_t width, int64_t size) {
    if (!forward) return "no step";
    if (Fault fault = fault_of(heads)) return fault;
    if (forward->tokens * heads->keys >= MAX_CHUNKS) return "too many tokens for so many heads";
    if (layer < 0 || layer >= forward->layers) return "a layer beyond the pool";
    if (!is_count(width) || width < (heads->queries + 2 * heads->keys) * heads->width ||
        !holds(qkv, size, forward->tokens * width))
        return "queries, keys and values of another size than their heads'";
    if (!is_known(NUMBER_FORMATS, forward->kv_format)) return "keys and values of a precision that isn't known";
    if (forward->tokens && !forward->pool) return "no pool of keys and values";
    if (forward->pool_size != forward->blocks * kv_block_bytes(*forward, *heads))
        return "a pool of keys and values for other heads";
    return nullptr;
}

// Of one adapter at one site, of so many experts or of none; `columns` go in, and what comes out lies in
// rows of `width`.
inline Fault segment_fault(
    const LoraSegment& segment, int64_t site, int64_t columns, int64_t width, int64_t experts = 1) {
    if (!is_known(NUMBER_FORMATS, segment.format))
        return "an adapter of a precision that isn't known";
    if (!segment.sites || site < 0 || site >= segment.count) return "an adapter for fewer layers";
    const LoraSite& here = segment.sites[site];
    if (here.parts < 0 || here.parts > MAX_PARTS || here.ranks < 0 || here.ranks % UNIT)
        return "an adapter's site that can't be";
    if (here.ranks && !segment.data) return "an adapter without numbers";
    // One matrix ends where the next begins, see lora_layout.py.
    auto end_of = [&](int64_t at, int64_t rows, int64_t inputs) {
        return at + with_number_format(
                        segment.format,
                        [&]<NumberFormat F>() { return lora_bytes(F, rows, inputs); });
    };
    int64_t at = here.parts ? end_of(here.a, here.ranks, columns) : 0;
    if (here.a < 0) return "an adapter of another input";
    for (int p = 0; p < here.parts; ++p) {
        const LoraPart& part = here.part[p];
        if (part.b != at) return "an adapter of another input";
        if (part.rank < 0 || part.first < 0 || part.first + (int64_t)part.rank > here.ranks)
            return "an adapter's projection beyond its ranks";
        if (part.column < 0 || part.columns < 0 || part.column + (int64_t)part.columns > width)
            return "an adapter of another output";
        at = end_of(part.b, part.columns, part.rank);
        if (part.affine && part.affine != at) return "an adapter's factors out of their place";
        if (part.affine) at += 2 * affine_bytes(part.columns);
    }
    if (at > segment.size) return "an adapter beyond its own end";
    if (experts < 2 || !here.parts) return nullptr;
    if (here.stride < at - here.a || here.stride > (segment.size - at) / (experts - 1))
        return "an adapter of other experts";
    return nullptr;
}
