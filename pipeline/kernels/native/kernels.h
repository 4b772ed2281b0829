// One function a kernel; interface.cpp gives them to Python, reference.py says what each computes.
#pragma once
#include <cstdint>

#include "activations.h"
#include "gemm.h"
#include "thread_pool.h"

// Fills whole panels of a packed matrix from `count` fp32 rows.
void pack_rows(
    ThreadPool& pool, int bits, const float* rows, int64_t count, int64_t columns, uint8_t* out);

void multiply_fp32(ThreadPool& pool, const Gemm& gemm);
void multiply_int8(ThreadPool& pool, const Gemm& gemm);
void multiply_int4(ThreadPool& pool, const Gemm& gemm);

void rms_norm(const float* x, const float* weight, float epsilon, int64_t columns, float* out);
void norm(
    ThreadPool& pool, float* residual, const float* delta, int64_t delta_width,
    const float* weight, float epsilon, const Input& out);
constexpr int64_t GATE_CHUNK = 512;  // columns of a token that are taken at a time
void gate(ThreadPool& pool, const float* gate_up, int64_t width, const Input& out);

constexpr int KV_BLOCK = 16;

struct Heads {
    int64_t queries, keys, width;
    int64_t padded() const { return (width + 15) / 16 * 16; }
};

// What every layer of a step shares; the fields are those of native.py.
struct Step {
    const int32_t *positions, *sequences, *block_table;
    const float *cosines, *sines;
    float *keys, *values;  // the pool
    int64_t tokens, table_width, blocks;
    int64_t rows, layers;                      // of the table, of the pool
    int64_t angles, keys_size, values_size;  // numbers in the buffers

    int64_t block(int64_t token, int64_t position) const {
        return block_table[sequences[token] * table_width + position / KV_BLOCK];
    }
};

struct HeadNorms {
    const float *query, *key;  // null for none
    float epsilon;
    int64_t width;
};

void rotate_and_store(
    ThreadPool& pool, float* qkv, int64_t width, const Step& step, int64_t layer,
    const Heads& heads, const HeadNorms& norms);
void attend(
    ThreadPool& pool, const float* qkv, int64_t width, const Step& step, int64_t layer,
    const Heads& heads, int64_t window, const Input& out);

// An adapter's matrices at one site: offsets into its data. The layout is told in lora_layout.py.
struct LoraPart {
    int64_t b;
    int32_t rank, first, column, columns;
};
struct LoraSite {
    int64_t a;
    int32_t ranks, parts;
    LoraPart part[3];
};
struct LoraSegment {
    const uint8_t* data;
    const LoraSite* sites;
    int64_t bits, start, stop;
    int64_t size, count;  // bytes of the data, rows of the table of sites
};

void add_lora(
    ThreadPool& pool, const Input& x, const LoraSegment* segments, int64_t count, int64_t site,
    float* out, int64_t width);
