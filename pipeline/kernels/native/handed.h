// Whether what Python hands over fits together, by sizes alone: the first fault in words, or null.
// A handful of comparisons a call, so that no wrong size ever reaches a loop.
#pragma once
#include <new>

#include "kernels.h"

using Fault = const char*;

constexpr Fault OUT_OF_MEMORY = "out of memory", CUT_SHORT = "the file is cut short";
constexpr int64_t MOST = int64_t(1) << 31;  // of rows, columns, tokens: no product of two overflows
constexpr int64_t MOST_CHUNKS = 1 << 20;    // of a loop, see thread_pool.h

inline bool is_count(int64_t value, int64_t most = MOST) { return 0 <= value && value <= most; }

// Whether a buffer of `size` numbers has those wanted; one of none may be nowhere.
inline bool holds(const void* data, int64_t size, int64_t wanted) {
    return wanted == 0 || (data && wanted <= size);
}

inline int64_t groups_of(int64_t columns, int64_t group) { return (columns + group - 1) / group; }

// Bytes of a packed matrix.
template <class Format>
int64_t matrix_bytes(int64_t rows, int64_t columns) {
    return groups_of(rows, PANEL) * panel_bytes<Format>(groups_of(columns, Format::GROUP));
}

template <class Activations>
int64_t activation_bytes(int64_t tokens, int64_t columns) {
    const int64_t groups = groups_of(columns, Activations::GROUP);
    const int64_t blocks = groups_of(columns, Activations::BLOCK);
    const int64_t values = groups * Activations::GROUP * sizeof(*Activations::values);
    const int64_t scales = blocks * sizeof(*Activations::scales);
    const int64_t starts = groups * sizeof(*Activations::starts);
    constexpr bool SCALED = sizeof(*Activations::values) < 4, STARTED = sizeof(*Activations::values) < 2;
    return tokens * (values + SCALED * scales + STARTED * starts);
}

// Of a packed matrix.
inline Fault matrix_fault(
    int64_t bits, int64_t rows, int64_t columns, const void* data, int64_t size) {
    if (!is_count(rows) || !is_count(columns)) return "a matrix of impossible size";
    if (rows > PANEL * MOST_CHUNKS) return "a matrix of too many rows";
    const int64_t wanted = bits == 32  ? matrix_bytes<Fp32>(rows, columns)
                           : bits == 8 ? matrix_bytes<Int8>(rows, columns)
                           : bits == 4 ? matrix_bytes<Int4>(rows, columns)
                                       : -1;
    if (wanted < 0) return "a matrix of a precision that isn't known";
    return holds(data, size, wanted) ? nullptr : "a matrix without room for its weights";
}

inline Fault fault_of(const Input* x) {
    if (!x) return "no activations";
    if (!is_count(x->tokens, MOST_CHUNKS - 1) || !is_count(x->columns))
        return "activations of impossible size";
    const int64_t wanted =
        x->bits == 32  ? activation_bytes<ActivationsFp32>(x->tokens, x->columns)
        : x->bits == 8 ? activation_bytes<ActivationsInt16>(x->tokens, x->columns)
        : x->bits == 4 ? activation_bytes<ActivationsInt8>(x->tokens, x->columns)
                       : -1;
    if (wanted < 0) return "activations of a precision that isn't known";
    const bool there =
        holds(x->packed, x->size, wanted) && holds(x->values, x->count, x->tokens * x->columns);
    return there ? nullptr : "activations without room for their values";
}

inline Fault fault_of(const Heads* heads) {
    if (!heads || heads->keys < 1 || heads->queries < 1 || heads->width < 2) return "no heads";
    if (heads->queries > MOST_CHUNKS || heads->width > MOST_CHUNKS) return "heads beyond all measure";
    if (heads->queries % heads->keys) return "query heads that key heads can't share";
    return heads->width % 2 ? "heads of odd width, which can't be turned" : nullptr;
}

// All tokens' places, once a step.
inline Fault fault_of(const Step* step) {
    if (!step) return "no step";
    if (!is_count(step->tokens, MOST_CHUNKS - 1) || !is_count(step->table_width, MOST_CHUNKS) ||
        !is_count(step->rows, MOST_CHUNKS) || !is_count(step->layers, MOST_CHUNKS) ||
        !is_count(step->blocks))
        return "a step of impossible size";
    if (step->tokens == 0) return nullptr;
    if (!step->positions || !step->sequences || !step->block_table || !step->cosines || !step->sines)
        return "a step without its tables";
    for (int64_t token = 0; token < step->tokens; ++token) {
        const int64_t row = step->sequences[token], position = step->positions[token];
        if (row < 0 || row >= step->rows || position < 0 || position / KV_BLOCK >= step->table_width)
            return "a token beyond the table of blocks";
    }
    for (int64_t i = 0; i < step->rows * step->table_width; ++i)
        if (step->block_table[i] < 0 || step->block_table[i] >= step->blocks)
            return "a block beyond the pool";
    return nullptr;
}

// What both halves of attention read and write.
inline Fault attention_fault(
    const Step* step, int64_t layer, const Heads* heads, const float* qkv, int64_t width, int64_t size) {
    if (!step) return "no step";
    if (Fault fault = fault_of(heads)) return fault;
    if (step->tokens * heads->keys >= MOST_CHUNKS) return "too many tokens for so many heads";
    if (layer < 0 || layer >= step->layers) return "a layer beyond the pool";
    if (!is_count(width) || width < (heads->queries + 2 * heads->keys) * heads->width ||
        !holds(qkv, size, step->tokens * width))
        return "queries, keys and values of another size than their heads'";
    if (step->angles != step->tokens * (heads->width / 2)) return "angles for other heads";
    const int64_t vectors = step->layers * step->blocks * heads->keys * KV_BLOCK;
    if (step->tokens && (!step->keys || !step->values)) return "no pool of keys and values";
    if (step->keys_size != vectors * heads->width || step->values_size != vectors * heads->padded())
        return "a pool of keys and values for other heads";
    return nullptr;
}

// Of one adapter at one site; `columns` go in, and what comes out lies in rows of `width`.
inline Fault segment_fault(
    const LoraSegment& segment, int64_t site, int64_t columns, int64_t width) {
    if (segment.bits != 32 && segment.bits != 16 && segment.bits != 8)
        return "an adapter of a precision that isn't known";
    if (!segment.sites || site < 0 || site >= segment.count) return "an adapter for fewer layers";
    const LoraSite& here = segment.sites[site];
    if (here.parts < 0 || here.parts > 3 || here.ranks < 0 || here.ranks % UNIT)
        return "an adapter's site that can't be";
    if (here.ranks && !segment.data) return "an adapter without numbers";
    // One matrix ends where the next begins, see lora_layout.py.
    auto end_of = [&](int64_t at, int64_t rows, int64_t inputs) {
        const int64_t scale = segment.bits == 8 ? sizeof(float) : 0;
        return at + groups_of(rows, UNIT) * UNIT * (inputs * segment.bits / 8 + scale);
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
    }
    return at <= segment.size ? nullptr : "an adapter beyond its own end";
}
