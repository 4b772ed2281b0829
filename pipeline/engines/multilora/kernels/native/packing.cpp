// Quantises weights and puts them where layout.py says.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels.h"
#include "vector.h"

namespace {

// One group of one row.
struct Levels {
    float scale;
    int8_t level[64];
};

float as_half(float value) { return (float)(_Float16)value; }

float inverse_of(float scale) { return scale != 0 ? 1 / scale : 0; }

// Eight whole numbers between `least` and `most`, as floats.
ALWAYS_INLINE f32x8 levels_of(f32x8 weights, f32x8 inverse, float least, float most) {
    const f32x8 shift = broadcast(12582912.0f), low = broadcast(least), high = broadcast(most);
    f32x8 level = weights * inverse + shift - shift;
    level = level < low ? low : level;
    return level > high ? high : level;
}

template <int GROUP>
void set_levels(const float* w, float least, float most, float scale, Levels& to) {
    const f32x8 inverse = broadcast(inverse_of(scale));
    for (int i = 0; i < GROUP; i += 8) {
        const f32x8 level = levels_of(load<f32x8>(w + i), inverse, least, most);
        for (int lane = 0; lane < 8; ++lane) to.level[i + lane] = (int8_t)level[lane];
    }
}

void quantise_int8(const float* w, Levels& to) {
    f32x8 most{};
    for (int i = 0; i < 64; i += 8) most = maximum(most, magnitude(load<f32x8>(w + i)));
    to.scale = as_half(maximum_of(most) / 127);
    set_levels<64>(w, -127, 127, to.scale, to);
}

// Levels that a scale leads to, and the scale that then fits them best.
struct Fit {
    float rounded_by = 0, scale = 0, error = std::numeric_limits<float>::infinity();
};

Fit fit(const float* w, float scale) {
    const f32x8 inverse = broadcast(inverse_of(scale));
    f32x8 levels[4], products{}, squares{}, errors{};
    for (int i = 0; i < 4; ++i) {
        levels[i] = levels_of(load<f32x8>(w + 8 * i), inverse, -8, 7);
        products += levels[i] * load<f32x8>(w + 8 * i);
        squares += levels[i] * levels[i];
    }
    const float best = as_half(sum_of(products) * inverse_of(sum_of(squares)));
    for (int i = 0; i < 4; ++i) {
        const f32x8 error = levels[i] * broadcast(best) - load<f32x8>(w + 8 * i);
        errors += error * error;
    }
    return {scale, best, sum_of(errors)};
}

// The extreme weight falls on one of the levels −8.75, −8.5, … −6.5: whichever errs least.
void quantise_int4(const float* w, Levels& to) {
    float extreme = 0;
    for (int i = 0; i < 32; ++i)
        if (std::fabs(w[i]) > std::fabs(extreme)) extreme = w[i];
    Fit best;
    for (float level = -8.75f; level <= -6.5f; level += 0.25f) {
        const Fit found = fit(w, as_half(extreme / level));
        if (found.error < best.error) best = found;
    }
    set_levels<32>(w, -8, 7, best.rounded_by, to);
    to.scale = best.scale;
}

void lay_int8(const Levels* rows, uint8_t* to) {
    for (int pair = 0; pair < 32; ++pair)
        for (int row = 0; row < UNIT; ++row)
            for (int i = 0; i < 2; ++i) *to++ = (uint8_t)rows[row].level[2 * pair + i];
}

void lay_int4(const Levels* rows, uint8_t* to) {
    for (int octet = 0; octet < 4; ++octet)
        for (int row = 0; row < UNIT; ++row)
            for (int i = 0; i < 4; ++i) {
                const int8_t* level = rows[row].level + 8 * octet + i;
                *to++ = (uint8_t)((level[0] + 8) | (level[4] + 8) << 4);
            }
}

struct Packer {
    const float* rows;
    int64_t count, columns;

    // A group of a row, filled up with zeros.
    void read(int64_t row, int64_t column, int group, float* to) const {
        std::fill_n(to, group, 0.0f);
        if (row < count)
            std::copy_n(
                rows + row * columns + column, std::min<int64_t>(group, columns - column), to);
    }

    void unit_fp32(int64_t row, int64_t column, uint8_t* to) const {
        float weights[64];
        for (int r = 0; r < UNIT; ++r) {
            read(row + r, column, 64, weights);
            for (int i = 0; i < 64; ++i) store(to + (i * UNIT + r) * 4, weights[i]);
        }
    }

    template <int GROUP, class Quantise, class Lay>
    void unit(int64_t row, int64_t column, uint8_t* to, Quantise quantise, Lay lay) const {
        float weights[GROUP];
        Levels levels[UNIT];
        for (int r = 0; r < UNIT; ++r) {
            read(row + r, column, GROUP, weights);
            quantise(weights, levels[r]);
            store(to + 2 * r, (_Float16)levels[r].scale);
        }
        lay(levels, to + 2 * UNIT);
    }

    void unit(int bits, int64_t row, int64_t column, uint8_t* to) const {
        if (bits == 32) return unit_fp32(row, column, to);
        if (bits == 8) return unit<64>(row, column, to, quantise_int8, lay_int8);
        unit<32>(row, column, to, quantise_int4, lay_int4);
    }

    void panel(int bits, int64_t panel, uint8_t* to) const {
        const int group = bits == 4 ? 32 : 64;
        const int64_t bytes = (bits == 32 ? 0 : 2 * UNIT) + UNIT * group * bits / 8;
        for (int64_t block = 0; block < columns; block += BLOCK)
            for (int64_t row = panel * PANEL; row < (panel + 1) * PANEL; row += UNIT)
                for (int64_t column = block; column < std::min(block + BLOCK, columns);
                     column += group, to += bytes)
                    unit(bits, row, column, to);
    }
};

}  // namespace

void pack_rows(
    ThreadPool& pool, int bits, const float* rows, int64_t count, int64_t columns, uint8_t* out) {
    const Packer packer{rows, count, columns};
    const int64_t group = bits == 4 ? 32 : 64, groups = (columns + group - 1) / group;
    const int64_t bytes =
        PANEL / UNIT * groups * ((bits == 32 ? 0 : 2 * UNIT) + UNIT * group * bits / 8);
    pool.run((count + PANEL - 1) / PANEL, [&](uint32_t panel) {
        packer.panel(bits, panel, out + panel * bytes);
    });
}
