// The kernels as plain C functions, as abi.h declares them: each looks at what it was handed first.
#include <exception>

#include "expert_operations.h"
#include "isa.h"
#include "operations.h"

#if defined(__clang__)
#define COMPILER __VERSION__
#else
#define COMPILER "GCC " __VERSION__
#endif

namespace {

// One operation by itself, or a step of them.
template <class Operands>
Fault perform(ThreadPool* pool, const Operands& operands) {
    if (Fault fault = operands.fault()) return fault;
    try {
        operands.run(*pool);
    } catch (const std::bad_alloc&) {
        return OUT_OF_MEMORY;
    }
    return nullptr;
}

struct WholeStep {
    const Program* program;
    const Forward* forward;
    const LoraSegment* segments;
    int64_t count;

    Fault fault() const { return step_fault(program, forward, segments, count); }
    void run(ThreadPool& pool) const { run_step(pool, *program, *forward, segments, count); }
};

}  // namespace

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

Fault kernel_look_up(
    ThreadPool* pool, int format, const uint8_t* data, int64_t size, int64_t rows, int64_t columns,
    const int32_t* wanted, int64_t count, float* out, int64_t out_size) {
    if (Fault fault = matrix_fault(format, rows, columns, data, size)) return fault;
    if (!is_count(count, MAX_CHUNKS - 1) || (count && !wanted)) return "no rows to look up";
    for (int64_t i = 0; i < count; ++i)
        if (wanted[i] < 0 || wanted[i] >= rows) return "a row beyond the matrix";
    if (!holds(out, out_size, count * columns)) return "no room for the rows";
    look_up(*pool, format, data, columns, wanted, count, out);
    return nullptr;
}

Fault kernel_linear(
    ThreadPool* pool, const Input* x, const uint8_t* weights, const float* bias, int64_t rows,
    int64_t columns, float* out, int64_t size) {
    return perform(pool, Linear{x, weights, bias, rows, columns, out, size});
}

Fault kernel_norm(
    ThreadPool* pool, float* residual, int64_t size, const float* delta, int64_t delta_width,
    int64_t delta_size, const float* weight, int64_t weight_size, float epsilon, const Input* out) {
    return perform(
        pool, Norm{residual, size, delta, delta_width, delta_size, weight, weight_size, epsilon, out});
}

Fault kernel_gate(
    ThreadPool* pool, const float* gate_up, int64_t width, int64_t size, int activation,
    const Input* out) {
    return perform(pool, Gate{gate_up, width, size, activation, out});
}

Fault kernel_pack_input(ThreadPool* pool, const Input* input) {
    return perform(pool, PackInput{input});
}

Fault kernel_rotate_and_store(
    ThreadPool* pool, float* qkv, int64_t width, int64_t size, const Forward* forward, int64_t layer,
    const HeadShape* heads, const HeadNormWeights* norms, const Turn* turn) {
    return perform(pool, RotateAndStore{qkv, width, size, forward, layer, heads, norms, turn});
}

Fault kernel_attend(
    ThreadPool* pool, const float* qkv, int64_t width, int64_t size, const Forward* forward,
    int64_t layer, const HeadShape* heads, int64_t window, float scale, float limit,
    const Input* out) {
    return perform(
        pool, Attend{qkv, width, size, forward, layer, heads, window, scale, limit, out});
}

Fault kernel_add_lora(
    ThreadPool* pool, const Input* x, const LoraSegment* segments, int64_t count, int64_t site,
    float* out, int64_t width, int64_t size) {
    return perform(pool, AddLora{x, segments, count, site, out, width, size});
}

Fault kernel_route(
    ThreadPool* pool, const float* scores, int64_t width, int64_t size, const Routing* routing,
    float* routes, int64_t routes_width, int64_t routes_size) {
    return perform(pool, Route{scores, width, size, {routing, routes, routes_width, routes_size}});
}

Fault kernel_dispatch(
    ThreadPool* pool, const Input* x, const Routing* routing, float* routes, int64_t routes_width,
    int64_t routes_size, const Input* out) {
    return perform(pool, Dispatch{x, {routing, routes, routes_width, routes_size}, out});
}

Fault kernel_expert_linear(
    ThreadPool* pool, const Input* x, const Routing* routing, float* routes, int64_t routes_width,
    int64_t routes_size, const uint8_t* weights, int64_t rows, int64_t columns, float* out,
    int64_t size) {
    const RoutesHanded handed = {routing, routes, routes_width, routes_size};
    return perform(pool, ExpertLinear{x, handed, weights, rows, columns, out, size});
}

Fault kernel_add_expert_lora(
    ThreadPool* pool, const Input* x, const LoraSegment* segments, int64_t count, int64_t site,
    const Routing* routing, float* routes, int64_t routes_width, int64_t routes_size,
    int dispatched, float* out, int64_t width, int64_t size) {
    const RoutesHanded handed = {routing, routes, routes_width, routes_size};
    return perform(
        pool, AddExpertLora{
                  x, segments, count, site, handed, dispatched != 0, out, width, size});
}

Fault kernel_combine(
    ThreadPool* pool, const float* x, int64_t size, const Routing* routing, float* routes,
    int64_t routes_width, int64_t routes_size, const float* shared, int64_t shared_size,
    float* out, int64_t width, int64_t out_size) {
    const RoutesHanded handed = {routing, routes, routes_width, routes_size};
    return perform(pool, Combine{x, size, handed, shared, shared_size, out, width, out_size});
}

Fault kernel_step(
    ThreadPool* pool, const Program* program, const Forward* forward, const LoraSegment* segments,
    int64_t count) {
    return perform(pool, WholeStep{program, forward, segments, count});
}
}
