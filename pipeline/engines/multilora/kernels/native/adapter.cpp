// Reads an adapter's tensors from its file and puts their rows where lora_layout.py says: one call for
// a whole adapter, on the calling thread alone, so that whoever loads beside a running step takes
// neither Python's lock nor the threads that compute.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "gemm.h"

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

}  // namespace

// The number of tensors that were read: all, unless the file is cut short or unreadable.
extern "C" int64_t adapter_read(
    int file, const AdapterTensor* tensors, int64_t count, int64_t bits, uint8_t* out,
    int64_t size) {
    static constexpr int64_t WIDTH[] = {4, 2, 2, 8};  // fp32, fp16, bf16, fp64
    std::vector<uint8_t> source;
    std::memset(out, 0, size);
    for (int64_t i = 0; i < count; ++i) {
        const AdapterTensor& tensor = tensors[i];
        source.resize(tensor.numbers() * WIDTH[tensor.type]);
        if (!read_all(file, source.data(), source.size(), tensor.source)) return i;
        if (tensor.type == 0) put<float>(tensor, bits, source.data(), out + tensor.to);
        if (tensor.type == 1) put<_Float16>(tensor, bits, source.data(), out + tensor.to);
        if (tensor.type == 2) put<BFloat16>(tensor, bits, source.data(), out + tensor.to);
        if (tensor.type == 3) put<double>(tensor, bits, source.data(), out + tensor.to);
    }
    return count;
}
