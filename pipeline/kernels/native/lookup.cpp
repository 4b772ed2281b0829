// Rows of a packed matrix as the floats that they stand for: an input embedding's, by token.
#include "kernels.h"
#include "vector.h"

namespace {

// Of one row in a group of a unit; where each weight lies tells layout.py.
template <WeightFormat F>
float level(const uint8_t* weights, int row, int column) {
    constexpr int IN_BYTE = 8 / F.weight_bits, BYTES = F.lane_columns / IN_BYTE;
    const int lane = column / F.lane_columns, place = column % F.lane_columns;
    const int byte = weights[(lane * UNIT + row) * BYTES + place % BYTES];
    const int stored = byte >> place / BYTES * F.weight_bits & ((1 << F.weight_bits) - 1);
    return F.zero_point ? stored - F.zero_point : (int8_t)stored;
}

template <WeightFormat F>
float weight(const Block<F>& block, int group, int row, int column) {
    const uint8_t* weights = block.weights(group);
    if constexpr (!F.scale_bits)
        return load<float>(weights + (column * UNIT + row) * sizeof(float));
    else if constexpr (!F.block_scale_bits)
        return level<F>(weights, row, column) * (float)load<Half>(block.scale(group, row));
    else {
        const float share =
            (float)load<Half>(block.block_scale(row)) / highest_level(F.scale_bits);
        const int scale = (int8_t)*block.scale(group, row);
        const int offset = block.offsets()[(group / 2 * UNIT + row) * 2 + group % 2];
        return (level<F>(weights, row, column) * scale + offset * OFFSET_SHARES) * share;
    }
}

template <WeightFormat F>
void look_up(const uint8_t* data, int64_t columns, int64_t row, float* to) {
    const int64_t groups = pieces_of(columns, F.group);
    const int unit = row % PANEL / UNIT, lane = row % UNIT;
    data += row / PANEL * panel_bytes(F, groups);
    for (int64_t first = 0; first < groups; first += BLOCK_GROUPS) {
        const int here = (int)std::min<int64_t>(BLOCK_GROUPS, groups - first);
        const Block<F> block{
            .scales = data + unit * block_bytes(F, here), .stream = {}, .first = first,
            .groups = here};
        for (int group = 0; group < here; ++group)
            for (int column = 0; column < F.group && columns; ++column, --columns)
                *to++ = weight(block, group, lane, column);
        data += PANEL / UNIT * block_bytes(F, here);
    }
}

}  // namespace

void look_up(
    ThreadPool& pool, int format, const uint8_t* data, int64_t columns, const int32_t* rows,
    int64_t count, float* out) {
    with_weight_format(format, [&]<WeightFormat F>() {
        const auto look = [&](uint32_t i) {
            look_up<F>(data, columns, rows[i], out + i * columns);
        };
        pool.run((uint32_t)count, look, (double)columns);
    });
}
