#include "activations.h"

#include <algorithm>

#include "vector.h"

namespace {

// Writes a group's integers; returns their sum.
template <int GROUP, class Value>
int32_t quantise(const float* from, float inverse_scale, Value* to) {
    const Floats inverse = broadcast(inverse_scale), shift = broadcast(ROUNDING);
    Ints sum{};
    for (int i = 0; i < GROUP; i += LANES) {
        const Ints levels = (Ints)(load<Floats>(from + i) * inverse + shift) - (Ints)shift;
        sum += levels;
        store(to + i, __builtin_convertvector(levels, Vector<Value, LANES>));
    }
    return sum_of(sum);
}

// From a sum of activations, what takes off their products with the zero point.
template <WeightFormat F>
int32_t start_of(int32_t sum) {
    const int32_t offset = -F.zero_point * sum;
    return F.weight_bits == 4 ? isa::quad_start(offset) : isa::byte_start(offset);
}

// Groups that share a scale: their largest magnitude over the highest level.
template <WeightFormat F>
void quantise_groups(
    const Activations<F>& to, const float* from, int64_t first, int64_t last, int64_t token) {
    const float largest = largest_magnitude(from, (last - first) * F.group);
    const float scale = largest / highest_level(F.activation_bits);
    to.scale(first, token) = scale;
    for (int64_t group = first; group < last; ++group, from += F.group) {
        const int32_t sum =
            quantise<F.group>(from, scale > 0 ? 1 / scale : 0, to.at(group, token));
        if (F.zero_point) to.start(group, token) = start_of<F>(sum);
        if (F.offset_bits)
            to.sums_of(group / BLOCK_GROUPS, token)[group % BLOCK_GROUPS] = OFFSET_SHARES * sum;
    }
}

template <WeightFormat F>
void pack_block(
    const Activations<F>& to, const float* from, int64_t groups, int64_t block, int64_t token) {
    const int64_t begin = block * BLOCK_GROUPS, end = begin + groups;
    if constexpr (F.scale_bits)
        for (int64_t group = begin; group < end; group += F.activation_groups) {
            const int64_t next = std::min<int64_t>(group + F.activation_groups, end);
            quantise_groups(to, from + (group - begin) * F.group, group, next, token);
        }
    else
        for (int64_t group = begin; group < end; ++group, from += F.group)
            std::copy_n(from, F.group, to.at(group, token));
}

// Block by block, the last one filled up to whole groups with zeros.
template <WeightFormat F>
void pack_columns(const Input& input, int64_t token, int64_t first, int64_t last) {
    constexpr int BLOCK = block_columns(F);
    const Activations<F> to(input.packed, input.tokens, input.columns);
    for (int64_t column = first; column < last; column += BLOCK) {
        const float* from = row_of(input, token) + column;
        const int64_t count = std::min<int64_t>(BLOCK, last - column);
        const int64_t groups = pieces_of(count, F.group);
        float padded[BLOCK];
        if (count % F.group) {
            std::fill(std::copy_n(from, count, padded), padded + groups * F.group, 0.0f);
            from = padded;
        }
        pack_block(to, from, groups, column / BLOCK, token);
    }
}

template <WeightFormat F>
void copy_groups(const Input& from, int64_t token, const Input& to, int64_t row) {
    const Activations<F> source(from.packed, from.tokens, from.columns);
    const Activations<F> target(to.packed, to.tokens, to.columns);
    const int64_t groups = pieces_of(from.columns, F.group);
    for (int64_t group = 0; group < groups; ++group) {
        std::copy_n(source.at(group, token), F.group, target.at(group, row));
        if (F.scale_bits) target.scale(group, row) = source.scale(group, token);
        if (F.zero_point) target.start(group, row) = source.start(group, token);
    }
    if (F.offset_bits)
        for (int64_t block = 0; block < pieces_of(groups, BLOCK_GROUPS); ++block)
            std::copy_n(source.sums_of(block, token), BLOCK_GROUPS, target.sums_of(block, row));
}

}  // namespace

void copy_packed(const Input& from, int64_t token, const Input& to, int64_t row) {
    with_weight_format(
        from.format, [&]<WeightFormat F>() { copy_groups<F>(from, token, to, row); });
}

void pack_input(const Input& input, int64_t token, int64_t first, int64_t last) {
    with_weight_format(
        input.format, [&]<WeightFormat F>() { pack_columns<F>(input, token, first, last); });
}
