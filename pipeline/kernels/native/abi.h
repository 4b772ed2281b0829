// What C++ and Python agree on. C++ includes this file and abi.py reads its text, so that a statement
// is one of: a `constexpr int`, a structure of fields alone, `constexpr` values of such a structure or
// a list of them, a function's declaration. When the library is loaded Python asks it for each of
// these numbers, and for the size of each structure and the place of each field.
#pragma once
#include <cstdint>

constexpr int UNIT = 16;          // rows whose weights lie side by side
constexpr int PANEL = 64;         // rows that a thread takes at a time
constexpr int BLOCK_GROUPS = 8;   // groups of columns of a unit that lie together
constexpr int OFFSET_SHARES = 4;  // of a block's scale in a step of an offset
constexpr int KV_BLOCK = 16;      // positions of a block of keys and values
constexpr int GATE_CHUNK = 512;   // columns of a token that are gated at a time
constexpr int MAX_CHUNKS = 1048576;  // of a loop, see thread_pool.h
constexpr int MAX_PARTS = 3;      // projections of a site
constexpr int MAX_BUFFERS = 32;   // of a program
constexpr int MAX_EXPERTS = 1024;  // of a layer

// How the weights of a matrix are stored, and what becomes of the activations that meet them. Where
// `block_scale_bits` isn't 0 a group's scale is a sub-scale: a whole share, in 127ths, of the block's. An
// offset is added to each weight of a group, in steps of OFFSET_SHARES such shares.
struct WeightFormat {
    int weight_bits;
    int activation_bits;
    int group;             // neighbouring columns that share a scale, or are summed on their own
    int lane_columns;      // of a row, which lie side by side before the next row's; see layout.py
    int scale_bits;        // of a row's scale for a group; 0 for none
    int block_scale_bits;  // of a row's scale for a block; 0 for none
    int offset_bits;       // of a row's offset for a group; 0 for none
    int zero_point;        // added to each weight
    int activation_groups;  // whose activations share a scale; divides BLOCK_GROUPS
};
constexpr WeightFormat FP32 = {32, 32, 64, 1, 0, 0, 0, 0, 8};
constexpr WeightFormat INT8 = {8, 16, 64, 2, 16, 0, 0, 0, 8};
constexpr WeightFormat INT4 = {4, 8, 32, 8, 8, 16, 8, 8, 8};
constexpr WeightFormat INT8_A8 = {8, 8, 32, 4, 16, 0, 0, 128, 1};
constexpr WeightFormat WEIGHT_FORMATS[] = {FP32, INT8, INT4, INT8_A8};

// How the numbers of adapters, keys and values are stored; those with scales have one for each row of A
// and of B, and for each position of a key head.
struct NumberFormat {
    int bits;
    int scale_bits;
};
constexpr NumberFormat NUMBER_FP32 = {32, 0};
constexpr NumberFormat NUMBER_FP16 = {16, 0};
constexpr NumberFormat NUMBER_INT8 = {8, 32};
constexpr NumberFormat NUMBER_FORMATS[] = {NUMBER_FP32, NUMBER_FP16, NUMBER_INT8};

// The input of matrices for a whole batch: as it is, and packed for the matrices of a format.
struct Input {
    int format;     // its number among WEIGHT_FORMATS
    float* values;  // (tokens, columns)
    void* packed;   // see activations.h
    int64_t tokens, columns;
    int64_t count, size;  // numbers of `values`, bytes of `packed`
};

struct HeadShape {
    int64_t queries, keys, width;
};

struct HeadNormWeights {
    const float *query, *key;  // null for none
    float epsilon;
    int64_t width;
};

// Which of a position's angles turn the first pairs of a head; the rest of the head stays as it is.
struct Turn {
    int64_t first, pairs;
};

// How many experts a layer has, how many of them each token uses, and whether the weights of these are
// made to add up to 1.
struct Routing {
    int64_t experts, used;
    int normalised;
};

constexpr int ACTIVATION_SILU = 0;
constexpr int ACTIVATION_GELU_TANH = 1;

// What every layer of a forward pass shares.
struct Forward {
    const int32_t *positions, *sequences, *block_table;
    const int32_t* outputs;        // tokens whose logits are wanted
    const float *cosines, *sines;  // of each position's angles
    uint8_t* pool;                 // of keys and values, see kv_pool.h
    int64_t kv_format;             // its number among NUMBER_FORMATS
    int64_t tokens, table_width, blocks;
    int64_t rows, layers;       // of the table, of the pool
    int64_t turned, wanted;     // positions that have angles, outputs
    int64_t angles, pool_size;  // numbers of all positions' angles, bytes of the pool
};

// An adapter's matrices at one site: offsets into its data. The layout is told in lora_layout.py.
struct LoraPart {
    int64_t b;
    int32_t rank, first, column, columns;
    int64_t affine;  // fp32 factors of the rows, then fp32 summands, each of whole units; 0 for none
};
// At a site of experts those of the first one; the next one's follow `stride` bytes later.
struct LoraSite {
    int64_t a;
    int32_t ranks, parts;
    LoraPart part[MAX_PARTS];
    int64_t stride;
};
struct LoraSegment {
    const uint8_t* data;
    const LoraSite* sites;
    int64_t format, start, stop;  // its number among NUMBER_FORMATS; tokens of the batch
    int64_t size, count;          // bytes of the data, rows of the table of sites
};

// What the operations of a program read and write, for as many rows as a step has tokens, or outputs.
struct Buffer {
    Input input;     // `tokens` is set for each step; `packed` is null where no matrix reads it
    int of_outputs;  // 1 for rows for each output, 0 for each token
    int64_t times;   // rows for each
};

// An operation of a program; `x`, `added`, `routes` and `out` are numbers of buffers. program.py tells what each
// kind does, program.cpp which of the fields it uses.
struct Operation {
    int kind, x, added, routes, out;
    int64_t place;          // the layer; of an adapter's product the site, counted through the layers
    int64_t rows, columns;  // of a matrix
    const void* weights;    // of a matrix, or of a norm
    int64_t size;           // their bytes, or numbers
    const float* bias;      // of whole panels, or null
    int64_t window;         // positions that attention sees, 0 for all
    int64_t first;          // column of those that are normalised
    float number;           // epsilon, or factor; of attention's scores 0 for 1 / √width
    float limit;            // of a cap, 0 for none; of a clip
    int activation;         // of a gate
    int dispatched;         // 1 where `x` has a row for each place of an expert, 0 for each token
    HeadShape heads;
    HeadNormWeights norms;
    Turn turn;
    Routing routing;
};
constexpr int OP_NORM = 0;
constexpr int OP_LINEAR = 1;
constexpr int OP_ADD_LORA = 2;
constexpr int OP_ROTATE_AND_STORE = 3;
constexpr int OP_ATTEND = 4;
constexpr int OP_GATE = 5;
constexpr int OP_SCALE = 6;
constexpr int OP_CAP = 7;
constexpr int OP_TAKE_OUTPUTS = 8;
constexpr int OP_NORM_COLUMNS = 9;
constexpr int OP_ROUTE = 10;
constexpr int OP_DISPATCH = 11;
constexpr int OP_EXPERT_LINEAR = 12;
constexpr int OP_COMBINE = 13;
constexpr int OP_ADD_EXPERT_LORA = 14;
constexpr int OP_CLIP = 15;
constexpr int OP_CENTRE = 16;

// What an operation took, in nanoseconds: of the wall, and of all threads that worked on it.
struct OperationTime {
    int64_t wall, worked;
};

// What a step computes, recorded once a model. Each operation's time is added to its place among
// `times`, which is null where nobody asks.
struct Program {
    const Buffer* buffers;
    const Operation* operations;
    int64_t buffer_count, count;
    OperationTime* times;
};

// An adapter's tensor: where it lies in its file, and where its rows go. `first` counts rows of the
// packed matrix, which has `padded` of them.
struct AdapterTensor {
    int64_t source, to;
    int32_t first, rows, columns, padded, type;
    float factor;
};
constexpr int TYPE_F32 = 0;
constexpr int TYPE_F16 = 1;
constexpr int TYPE_BF16 = 2;
constexpr int TYPE_F64 = 3;

// The functions say what is wrong with what they were handed, and then have done nothing; or null.
using Fault = const char*;
class ThreadPool;

extern "C" {
Fault kernel_pack(
    ThreadPool* pool, int format, const float* rows, int64_t count, int64_t columns,
    uint8_t* out, int64_t size);
Fault kernel_look_up(
    ThreadPool* pool, int format, const uint8_t* data, int64_t size, int64_t rows,
    int64_t columns, const int32_t* wanted, int64_t count, float* out, int64_t out_size);
Fault kernel_linear(
    ThreadPool* pool, const Input* x, const uint8_t* weights, const float* bias, int64_t rows,
    int64_t columns, float* out, int64_t size);
Fault kernel_norm(
    ThreadPool* pool, float* residual, int64_t size, const float* delta, int64_t delta_width,
    int64_t delta_size, const float* weight, int64_t weight_size, float epsilon,
    const Input* out);
Fault kernel_gate(
    ThreadPool* pool, const float* gate_up, int64_t width, int64_t size, int activation,
    const Input* out);
Fault kernel_pack_input(ThreadPool* pool, const Input* input);
Fault kernel_rotate_and_store(
    ThreadPool* pool, float* qkv, int64_t width, int64_t size, const Forward* forward,
    int64_t layer, const HeadShape* heads, const HeadNormWeights* norms, const Turn* turn);
Fault kernel_attend(
    ThreadPool* pool, const float* qkv, int64_t width, int64_t size, const Forward* forward,
    int64_t layer, const HeadShape* heads, int64_t window, float scale, float limit,
    const Input* out);
Fault kernel_add_lora(
    ThreadPool* pool, const Input* x, const LoraSegment* segments, int64_t count, int64_t site,
    float* out, int64_t width, int64_t size);
Fault kernel_route(
    ThreadPool* pool, const float* scores, int64_t width, int64_t size, const Routing* routing,
    float* routes, int64_t routes_width, int64_t routes_size);
Fault kernel_dispatch(
    ThreadPool* pool, const Input* x, const Routing* routing, float* routes, int64_t routes_width,
    int64_t routes_size, const Input* out);
Fault kernel_expert_linear(
    ThreadPool* pool, const Input* x, const Routing* routing, float* routes, int64_t routes_width,
    int64_t routes_size, const uint8_t* weights, int64_t rows, int64_t columns, float* out,
    int64_t size);
Fault kernel_add_expert_lora(
    ThreadPool* pool, const Input* x, const LoraSegment* segments, int64_t count, int64_t site,
    const Routing* routing, float* routes, int64_t routes_width, int64_t routes_size,
    int dispatched, float* out, int64_t width, int64_t size);
Fault kernel_combine(
    ThreadPool* pool, const float* x, int64_t size, const Routing* routing, float* routes,
    int64_t routes_width, int64_t routes_size, const float* shared, int64_t shared_size,
    float* out, int64_t width, int64_t out_size);
Fault forward_fault(const Forward* forward);
Fault kernel_step(
    ThreadPool* pool, const Program* program, const Forward* forward, const LoraSegment* segments,
    int64_t count);
Fault adapter_read(
    int file, const AdapterTensor* tensors, int64_t count, int64_t format, uint8_t* out,
    int64_t size);

int64_t peak_multiply(ThreadPool* pool, int bits, int64_t pieces, int64_t rounds);
Fault peak_read(
    ThreadPool* pool, const uint8_t* data, int64_t size, int64_t pieces, int ask_ahead);

ThreadPool* pool_new(int threads);
void pool_free(ThreadPool* pool);
int64_t packed_input_bytes(int format, int64_t tokens, int64_t columns);
const char* kernels_instruction_set();
const char* kernels_compiler();
int kernels_activation_bits();
}
