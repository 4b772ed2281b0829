// Reads an adapter's tensors from its file and puts their rows where lora_layout.py says: one call for
// a whole adapter, on the calling thread alone, so that whoever loads beside a running step takes
// neither Python's lock nor the threads that compute.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "handed.h"

// The fields are those of lora_source.py. `first` counts rows of the packed matrix, which has
// `padded` of them.
struct AdapterTensor {
    int64_t source, to;
    int32_t first, rows, columns, padded, type;
    float factor;

    int64_t numbers() const { return (int64_t)rows * columns; }
};

namespace {

struct BFloat16 {
    uint16_t bits;
    operator float() const {
        const uint32_t wide = (uint32_t)bits << 16;
        return load<float>(&wide);
    }
};

template <class To, class From>
void put_row(const AdapterTensor& tensor, int64_t row, const From* from, uint8_t* matrix) {
    const int64_t at = tensor.first + row;
    float inverse = 1;
    if constexpr (sizeof(To) == 1) {
        float most = 0;  // NaN if any number is, so that it isn't lost in the rounding
        for (int64_t i = 0; i < tensor.columns; ++i) {
            const float magnitude = std::fabs((float)from[i] * tensor.factor);
            if (magnitude > most || std::isnan(magnitude)) most = magnitude;
        }
        const float scale = most / 127;
        inverse = scale > 0 ? 1 / scale : 0;
        store(matrix + at * sizeof(float), scale);
        matrix += tensor.padded * sizeof(float);
    }
    To* to = (To*)matrix + at / UNIT * tensor.columns * UNIT + at % UNIT;
    for (int64_t i = 0; i < tensor.columns; ++i, to += UNIT) {
        const float value = (float)from[i] * tensor.factor;
        if constexpr (sizeof(To) == 1)
            *to = (To)std::nearbyint(value * inverse);
        else
            *to = (To)value;
    }
}

template <class From>
void put(const AdapterTensor& tensor, int64_t bits, const void* source, uint8_t* matrix) {
    const From* from = (const From*)source;
    for (int64_t row = 0; row < tensor.rows; ++row, from += tensor.columns) {
        if (bits == 32) put_row<float>(tensor, row, from, matrix);
        if (bits == 16) put_row<_Float16>(tensor, row, from, matrix);
        if (bits == 8) put_row<int8_t>(tensor, row, from, matrix);
    }
}

bool read_all(int file, uint8_t* to, int64_t size, int64_t at) {
    while (size > 0) {
        const ssize_t count = pread(file, to, size, at);
        if (count <= 0) return false;
        to += count, at += count, size -= count;
    }
    return true;
}

constexpr int64_t WIDTH[] = {4, 2, 2, 8};  // fp32, fp16, bf16, fp64

// Whether a tensor's rows lie within their matrix, and that within the adapter's `size` bytes.
Fault fault_of(const AdapterTensor& tensor, int64_t bits, int64_t size) {
    if (tensor.type < 0 || tensor.type > 3) return "a tensor of a type that isn't known";
    if (tensor.rows < 0 || tensor.columns < 0 || tensor.source < 0)
        return "a tensor of impossible size";
    if (tensor.first < 0 || tensor.padded % UNIT ||
        tensor.first + (int64_t)tensor.rows > tensor.padded)
        return "a tensor's rows beyond their matrix";
    const int64_t scales = bits == 8 ? tensor.padded * sizeof(float) : 0;
    const int64_t wanted = scales + (int64_t)tensor.padded * tensor.columns * (bits / 8);
    if (tensor.to < 0 || tensor.to > size || wanted > size - tensor.to)
        return "a tensor's matrix beyond the adapter";
    return nullptr;
}

Fault read_tensor(int file, const AdapterTensor& tensor, int64_t bits, uint8_t* out) {
    struct stat found;
    const int64_t bytes = tensor.numbers() * WIDTH[tensor.type];
    if (fstat(file, &found) || found.st_size - tensor.source < bytes) return CUT_SHORT;
    std::vector<uint8_t> source(bytes);
    if (!read_all(file, source.data(), bytes, tensor.source)) return CUT_SHORT;
    if (tensor.type == 0) put<float>(tensor, bits, source.data(), out + tensor.to);
    if (tensor.type == 1) put<_Float16>(tensor, bits, source.data(), out + tensor.to);
    if (tensor.type == 2) put<BFloat16>(tensor, bits, source.data(), out + tensor.to);
    if (tensor.type == 3) put<double>(tensor, bits, source.data(), out + tensor.to);
    return nullptr;
}

}  // namespace

// Null, or why not all of it was read.
extern "C" Fault adapter_read(
    int file, const AdapterTensor* tensors, int64_t count, int64_t bits, uint8_t* out,
    int64_t size) {
    if (bits != 32 && bits != 16 && bits != 8) return "an adapter of a precision that isn't known";
    if (!is_count(count) || size < 0 || (count && !tensors) || (size && !out))
        return "an adapter without numbers";
    for (int64_t i = 0; i < count; ++i)
        if (Fault fault = fault_of(tensors[i], bits, size)) return fault;
    std::memset(out, 0, size);
    try {
        for (int64_t i = 0; i < count; ++i)
            if (Fault fault = read_tensor(file, tensors[i], bits, out)) return fault;
    } catch (const std::bad_alloc&) {
        return OUT_OF_MEMORY;
    }
    return nullptr;
}
