// The kernels as plain C functions, as abi.h declares them: each looks at what it was handed first.
#include <exception>

#include "handed.h"
#include "isa.h"

#if defined(__clang__)
#define COMPILER __VERSION__
#else
#define COMPILER "GCC " __VERSION__
#endif

extern "C" {

const char* kernels_instruction_set() { return isa::NAME; }
const char* kernels_compiler() { return COMPILER; }
int kernels_activation_bits() { return isa::ACTIVATION_BITS; }

// Null where the system doesn't start so many threads.
ThreadPool* pool_new(int threads) {
    try {
        return new ThreadPool(threads);
    } catch (const std::exception&) {
        return nullptr;
    }
}
void pool_free(ThreadPool* pool) { delete pool; }

// Of activations packed for a format's matrices; −1 if there is no such format.
int64_t packed_input_bytes(int format, int64_t tokens, int64_t columns) {
    if (!is_known(WEIGHT_FORMATS, format)) return -1;
    return with_weight_format(
        format, [&]<WeightFormat F>() { return input_bytes(F, tokens, columns); });
}

// Products made; −1 where nothing was asked for, or of numbers of another width.
int64_t peak_multiply(ThreadPool* pool, int bits, int64_t pieces, int64_t rounds) {
    if (!is_count(pieces, MAX_CHUNKS) || rounds < 0) return -1;
    return multiply_only(*pool, bits, pieces, rounds);
}

Fault peak_read(
    ThreadPool* pool, const uint8_t* data, int64_t size, int64_t pieces, int ask_ahead) {
    if (pieces < 1 || !is_count(pieces, MAX_CHUNKS)) return "no pieces to read";
    if (!data || size < 0) return "nothing to read";
    read_only(*pool, data, size, pieces, ask_ahead);
    return nullptr;
}

Fault forward_fault(const Forward* forward) { return fault_of(forward); }

Fault kernel_pack(
    ThreadPool* pool, int format, const float* rows, int64_t count, int64_t columns, uint8_t* out,
    int64_t size) {
    if (Fault fault = matrix_fault(format, count, columns, out, size)) return fault;
    if (count && columns && !rows) return "no weights to pack";
    pack_rows(*pool, format, rows, count, columns, out);
    return nullptr;
}

Fault kernel_linear(
    ThreadPool* pool, const Input* x, const uint8_t* weights, const float* bias, int64_t rows,
    int64_t columns, float* out, int64_t size) {
    if (Fault fault = fault_of(x)) return fault;
    if (columns != x->columns) return "activations for a matrix of another width";
    if (!weights || !is_count(rows, PANEL * MAX_CHUNKS)) return "no matrix";
    const Gemm gemm{weights, bias, x->packed, out, x->tokens, rows, columns};
    if (!holds(out, size, x->tokens * gemm.width())) return "an output of fewer than whole panels";
    multiply(*pool, x->format, gemm);
    return nullptr;
}

Fault kernel_norm(
    ThreadPool* pool, float* residual, int64_t size, const float* delta, int64_t delta_width,
    int64_t delta_size, const float* weight, int64_t weight_size, float epsilon, const Input* out) {
    if (Fault fault = fault_of(out)) return fault;
    if (!holds(residual, size, out->tokens * out->columns)) return "a residual of another size";
    if (delta && (delta_width < out->columns || !is_count(delta_width) ||
                  !holds(delta, delta_size, out->tokens * delta_width)))
        return "what is added to the residual is of another size";
    if (weight_size != out->columns || !holds(weight, weight_size, out->columns))
        return "a norm of another width";
    norm(*pool, residual, delta, delta_width, weight, epsilon, *out);
    return nullptr;
}

Fault kernel_gate(
    ThreadPool* pool, const float* gate_up, int64_t width, int64_t size, const Input* out) {
    if (Fault fault = fault_of(out)) return fault;
    if (!is_count(width) || width < 2 * out->columns || !holds(gate_up, size, out->tokens * width))
        return "gate and up of another width";
    if (out->tokens * (out->columns / GATE_CHUNK + 1) >= MAX_CHUNKS) return "too many tokens to gate";
    gate(*pool, gate_up, width, *out);
    return nullptr;
}

Fault kernel_pack_input(ThreadPool* pool, const Input* input) {
    if (Fault fault = fault_of(input)) return fault;
    pool->run(input->tokens, [&](uint32_t token) { pack_input(*input, token); });
    return nullptr;
}

Fault kernel_rotate_and_store(
    ThreadPool* pool, float* qkv, int64_t width, int64_t size, const Forward* forward, int64_t layer,
    const HeadShape* heads, const HeadNormWeights* norms) {
    if (Fault fault = attention_fault(forward, layer, heads, qkv, width, size)) return fault;
    if (!norms || ((norms->query || norms->key) && norms->width != heads->width))
        return "norms for heads of another width";
    rotate_and_store(*pool, qkv, width, *forward, layer, *heads, *norms);
    return nullptr;
}

Fault kernel_attend(
    ThreadPool* pool, const float* qkv, int64_t width, int64_t size, const Forward* forward,
    int64_t layer, const HeadShape* heads, int64_t window, const Input* out) {
    if (Fault fault = attention_fault(forward, layer, heads, qkv, width, size)) return fault;
    if (Fault fault = fault_of(out)) return fault;
    if (out->tokens != forward->tokens || out->columns != heads->queries * heads->width)
        return "an output for other heads";
    if (window < 0) return "a window that sees nothing";
    attend(*pool, qkv, width, *forward, layer, *heads, window, *out);
    return nullptr;
}

Fault kernel_add_lora(
    ThreadPool* pool, const Input* x, const LoraSegment* segments, int64_t count, int64_t site,
    float* out, int64_t width, int64_t size) {
    if (Fault fault = fault_of(x)) return fault;
    if (!is_count(count) || (count && !segments)) return "no segments";
    if (!is_count(width) || !holds(out, size, x->tokens * width)) return "an output of another size";
    for (int64_t i = 0; i < count; ++i) {
        const LoraSegment& each = segments[i];
        if (each.start < 0 || each.start > each.stop || each.stop > x->tokens)
            return "a segment beyond the tokens";
        if (Fault fault = segment_fault(each, site, x->columns, width)) return fault;
    }
    try {
        add_lora(*pool, *x, segments, count, site, out, width);
    } catch (const std::bad_alloc&) {
        return OUT_OF_MEMORY;
    }
    return nullptr;
}
}
