// One function a kernel; interface.cpp gives them to Python, reference.py says what each computes.
#pragma once
#include <vector>

#include "activations.h"
#include "gemm.h"
#include "routes.h"
#include "kv_pool.h"
#include "thread_pool.h"

// Fills whole panels of a packed matrix from `count` fp32 rows.
void pack_rows(
    ThreadPool& pool, int format, const float* rows, int64_t count, int64_t columns, uint8_t* out);

void multiply(ThreadPool& pool, int format, const Gemm& gemm);

// Ranges of tokens, each by a matrix of its own: see gemm.h.
void multiply(
    ThreadPool& pool, int format, const Gemm& gemm, const int32_t* matrix, const int32_t* starts,
    int64_t ranges);

// `count` rows of a packed matrix, as floats.
void look_up(
    ThreadPool& pool, int format, const uint8_t* data, int64_t columns, const int32_t* rows,
    int64_t count, float* out);

void rms_norm(const float* x, const float* weight, float epsilon, int64_t columns, float* out);
// Without a weight the sum itself is what comes out.
void norm(
    ThreadPool& pool, float* residual, const float* delta, int64_t delta_width,
    const float* weight, float epsilon, const Input& out);
void gate(
    ThreadPool& pool, const float* gate_up, int64_t width, int activation, const Input& out);

void scale(float* x, float factor, int64_t columns);
void cap(float* x, float limit, int64_t columns);
void clip(float* x, float limit, int64_t columns);
void centre(float* x, int64_t columns);

void rotate_and_store(
    ThreadPool& pool, float* qkv, int64_t width, const Forward& forward, int64_t layer,
    const HeadShape& heads, const HeadNormWeights& norms, const Turn& turn);
void attend(
    ThreadPool& pool, const float* qkv, int64_t width, const Forward& forward, int64_t layer,
    const HeadShape& heads, int64_t window, float scale, float limit, const Input& out);

// What one adapter adds to neighbouring rows of the output. `start` and `stop` of its segment are these;
// of the input they are the same, or those that are named, by rows of the output.
struct LoraJob {
    LoraSegment segment;
    LoraSite site;
    const int32_t* rows;  // or null
};
void add_lora(
    ThreadPool& pool, const Input& x, const std::vector<LoraJob>& jobs, float* out, int64_t width);
void add_lora(
    ThreadPool& pool, const Input& x, const LoraSegment* segments, int64_t count, int64_t site,
    float* out, int64_t width);
// `dispatched` where x has a row for each place of an expert, as the output has, and not for each token.
void add_expert_lora(
    ThreadPool& pool, const Input& x, const LoraSegment* segments, int64_t count, int64_t site,
    const Routes& routes, bool dispatched, float* out, int64_t width);

// Experts: which of them each token uses; tokens' packed rows beside one another by expert; these rows
// by the matrices of their experts; what comes of that, added up for each token.
void route(ThreadPool& pool, const float* scores, int64_t width, const Routes& routes);
// Where the rows of each expert begin; starts[experts] is their end.
void count_rows(const Routes& routes, int32_t* starts);
void dispatch(ThreadPool& pool, const Input& x, const Routes& routes, const Input& out);
void multiply_experts(ThreadPool& pool, int format, const Gemm& gemm, const Routes& routes);
void combine(
    ThreadPool& pool, const float* x, const Routes& routes, const float* shared, float* out,
    int64_t width);

// Numbers of so many bits multiplied and added, or −1 if there are none of that width; `pieces` of the
// data, which are read each by one thread.
int64_t multiply_only(ThreadPool& pool, int bits, int64_t pieces, int64_t rounds);
void read_only(
    ThreadPool& pool, const uint8_t* data, int64_t size, int64_t pieces, bool ask_ahead);

Fault step_fault(
    const Program* program, const Forward* forward, const LoraSegment* segments, int64_t count);
void run_step(
    ThreadPool& pool, const Program& program, const Forward& forward, const LoraSegment* segments,
    int64_t count);
