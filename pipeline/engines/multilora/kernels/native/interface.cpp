// The kernels as plain C functions; library.py declares them to Python.
#include "kernels.h"

// The widest vectors that the compiler was allowed to use.
#if defined(__AVX512F__)
#define INSTRUCTION_SET "AVX512F"
#elif defined(__AVX2__)
#define INSTRUCTION_SET "AVX2"
#elif defined(__AVX__)
#define INSTRUCTION_SET "AVX"
#elif defined(__ARM_FEATURE_SVE)
#define INSTRUCTION_SET "SVE"
#elif defined(__ARM_NEON)
#define INSTRUCTION_SET "NEON"
#elif defined(__SSE4_2__)
#define INSTRUCTION_SET "SSE4_2"
#else
#define INSTRUCTION_SET "none"
#endif

#if defined(__clang__)
#define COMPILER __VERSION__
#else
#define COMPILER "GCC " __VERSION__
#endif

extern "C" {

const char* kernels_instruction_set() { return INSTRUCTION_SET; }
const char* kernels_compiler() { return COMPILER; }

ThreadPool* pool_new(int threads) { return new ThreadPool(threads); }
void pool_free(ThreadPool* pool) { delete pool; }

void kernel_pack(
    ThreadPool* pool, int bits, const float* rows, int64_t count, int64_t columns, uint8_t* out) {
    pack_rows(*pool, bits, rows, count, columns, out);
}

void kernel_linear(
    ThreadPool* pool, const Input* x, const uint8_t* weights, const float* bias, int64_t rows,
    float* out) {
    const Gemm gemm{weights, bias, x->packed, out, x->tokens, rows, x->columns};
    if (x->bits == 32) return multiply_fp32(*pool, gemm);
    if (x->bits == 8) return multiply_int8(*pool, gemm);
    multiply_int4(*pool, gemm);
}

void kernel_norm(
    ThreadPool* pool, float* residual, const float* delta, int64_t delta_width,
    const float* weight, float epsilon, const Input* out) {
    norm(*pool, residual, delta, delta_width, weight, epsilon, *out);
}

void kernel_gate(ThreadPool* pool, const float* gate_up, int64_t width, const Input* out) {
    gate(*pool, gate_up, width, *out);
}

void kernel_pack_input(ThreadPool* pool, const Input* input) {
    pool->run(input->tokens, [&](uint32_t token) { input->pack(token); });
}

void kernel_rotate_and_store(
    ThreadPool* pool, float* qkv, int64_t width, const Step* step, int64_t layer,
    const Heads* heads, const HeadNorms* norms) {
    rotate_and_store(*pool, qkv, width, *step, layer, *heads, *norms);
}

void kernel_attend(
    ThreadPool* pool, const float* qkv, int64_t width, const Step* step, int64_t layer,
    const Heads* heads, int64_t window, const Input* out) {
    attend(*pool, qkv, width, *step, layer, *heads, window, *out);
}

void kernel_add_lora(
    ThreadPool* pool, const Input* x, const LoraSegment* segments, int64_t count, int64_t site,
    float* out, int64_t width) {
    add_lora(*pool, *x, segments, count, site, out, width);
}
}
