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

namespace {

struct BFloat16 {
    uint16_t bits;
    operator float() const {
        const uint32_t wide = (uint32_t)bits << 16;
        return load<float>(&wide);
    }
};

// NaN if any number is, so that it isn't lost in the rounding.
template <class From>
float largest_of(const AdapterTensor& tensor, const From* from) {
    float largest = 0;
    for (int64_t i = 0; i < tensor.columns; ++i) {
        const float magnitude = std::fabs((float)from[i] * tensor.factor);
        if (magnitude > largest || std::isnan(magnitude)) largest = magnitude;
    }
    return largest;
}

template <NumberFormat F, class From>
void put_row(const AdapterTensor& tensor, int64_t row, const From* from, uint8_t* matrix) {
    using To = StoredNumber<F>;
    const int64_t at = tensor.first + row;
    float inverse = 1;
    if constexpr (F.scale_bits) {
        const float scale = largest_of(tensor, from) / highest_level(F.bits);
        inverse = scale > 0 ? 1 / scale : 0;
        store(matrix + at * sizeof(float), scale);
    }
    To* to = (To*)(matrix + lora_scale_bytes(F, tensor.padded));
    to += at / UNIT * tensor.columns * UNIT + at % UNIT;
    for (int64_t i = 0; i < tensor.columns; ++i, to += UNIT) {
        const float value = (float)from[i] * tensor.factor;
        if constexpr (F.scale_bits)
            *to = (To)std::nearbyint(value * inverse);
        else
            *to = (To)value;
    }
}

template <class From>
void put(const AdapterTensor& tensor, int64_t format, const void* source, uint8_t* matrix) {
    with_number_format(format, [&]<NumberFormat F>() {
        const From* from = (const From*)source;
        for (int64_t row = 0; row < tensor.rows; ++row, from += tensor.columns)
            put_row<F>(tensor, row, from, matrix);
    });
}

bool read_all(int file, uint8_t* to, int64_t size, int64_t at) {
    while (size > 0) {
        const ssize_t count = pread(file, to, size, at);
        if (count <= 0) return false;
        to += count, at += count, size -= count;
    }
    return true;
}

// How each type of a file is read.
struct Stored {
    int64_t bytes;
    void (*put)(const AdapterTensor& tensor, int64_t format, const void* source, uint8_t* matrix);
};
constexpr Stored STORED[] = {
    {4, put<float>}, {2, put<Half>}, {2, put<BFloat16>}, {8, put<double>}};
static_assert(TYPE_F32 == 0 && TYPE_F16 == 1 && TYPE_BF16 == 2 && TYPE_F64 == 3);

// Whether a tensor's rows lie within their matrix, and that within the adapter's `size` bytes.
Fault fault_of(const AdapterTensor& tensor, int64_t format, int64_t size) {
    if (!is_known(STORED, tensor.type)) return "a tensor of a type that isn't known";
    if (tensor.rows < 0 || tensor.columns < 0 || tensor.source < 0)
        return "a tensor of impossible size";
    if (tensor.first < 0 || tensor.padded % UNIT ||
        tensor.first + (int64_t)tensor.rows > tensor.padded)
        return "a tensor's rows beyond their matrix";
    const int64_t wanted = with_number_format(
        format, [&]<NumberFormat F>() { return lora_bytes(F, tensor.padded, tensor.columns); });
    if (tensor.to < 0 || tensor.to > size || wanted > size - tensor.to)
        return "a tensor's matrix beyond the adapter";
    return nullptr;
}

Fault read_tensor(int file, const AdapterTensor& tensor, int64_t format, uint8_t* out) {
    struct stat found;
    const Stored& stored = STORED[tensor.type];
    const int64_t bytes = (int64_t)tensor.rows * tensor.columns * stored.bytes;
    if (fstat(file, &found) || found.st_size - tensor.source < bytes) return CUT_SHORT;
    std::vector<uint8_t> source(bytes);
    if (!read_all(file, source.data(), bytes, tensor.source)) return CUT_SHORT;
    stored.put(tensor, format, source.data(), out + tensor.to);
    return nullptr;
}

}  // namespace

// Null, or why not all of it was read.
extern "C" Fault adapter_read(
    int file, const AdapterTensor* tensors, int64_t count, int64_t format, uint8_t* out,
    int64_t size) {
    if (!is_known(NUMBER_FORMATS, format)) return "an adapter of a precision that isn't known";
    if (!is_count(count) || size < 0 || (count && !tensors) || (size && !out))
        return "an adapter without numbers";
    for (int64_t i = 0; i < count; ++i)
        if (Fault fault = fault_of(tensors[i], format, size)) return fault;
    std::memset(out, 0, size);
    try {
        for (int64_t i = 0; i < count; ++i)
            if (Fault fault = read_tensor(file, tensors[i], format, out)) return fault;
    } catch (const std::bad_alloc&) {
        return OUT_OF_MEMORY;
    }
    return nullptr;
}
