// Quantises weights and puts them where layout.py says.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels.h"
#include "vector.h"

namespace {

constexpr int MOST_COLUMNS = 64 * BLOCK_GROUPS;  // of a block
using Levels = int8_t[MOST_COLUMNS];

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
void set_levels(const float* w, float least, float most, float scale, int8_t* to) {
    const f32x8 inverse = broadcast(inverse_of(scale));
    for (int i = 0; i < GROUP; i += 8) {
        const f32x8 level = levels_of(load<f32x8>(w + i), inverse, least, most);
        for (int lane = 0; lane < 8; ++lane) to[i + lane] = (int8_t)level[lane];
    }
}

// The scale that fits the levels best that another one leads to.
struct Fit {
    float scale = 0, error = std::numeric_limits<float>::infinity();
};

Fit fit(const float* w, float scale) {
    const f32x8 inverse = broadcast(inverse_of(scale));
    f32x8 levels[4], products{}, squares{}, errors{};
    for (int i = 0; i < 4; ++i) {
        levels[i] = levels_of(load<f32x8>(w + 8 * i), inverse, -8, 7);
        products += levels[i] * load<f32x8>(w + 8 * i);
        squares += levels[i] * levels[i];
    }
    const float best = sum_of(products) * inverse_of(sum_of(squares));
    for (int i = 0; i < 4; ++i) {
        const f32x8 error = levels[i] * broadcast(best) - load<f32x8>(w + 8 * i);
        errors += error * error;
    }
    return {best, sum_of(errors)};
}

// The extreme weight falls on one of the levels −8.75, −8.5, … −6.5: whichever errs least.
float fitted_scale(const float* w) {
    float extreme = 0;
    for (int i = 0; i < 32; ++i)
        if (std::fabs(w[i]) > std::fabs(extreme)) extreme = w[i];
    Fit best;
    for (float level = -8.75f; level <= -6.5f; level += 0.25f) {
        const Fit found = fit(w, extreme / level);
        if (found.error < best.error) best = found;
    }
    return best.scale;
}

// Each quantises a block of one row, whose scales go to their place among the unit's, and lays the
// levels of a group.
struct PackInt8 : Int8 {
    static void quantise(const float* w, int groups, int row, uint8_t* scales, int8_t* levels) {
        for (int group = 0; group < groups; ++group, w += GROUP, levels += GROUP) {
            const float scale = as_half(largest_magnitude(w, GROUP) / 127);
            store(scales + 2 * (group * UNIT + row), (_Float16)scale);
            set_levels<GROUP>(w, -127, 127, scale, levels);
        }
    }

    static void lay(const Levels* rows, int column, uint8_t* to) {
        for (int pair = 0; pair < GROUP / 2; ++pair)
            for (int row = 0; row < UNIT; ++row)
                for (int i = 0; i < 2; ++i) *to++ = (uint8_t)rows[row][column + 2 * pair + i];
    }
};

struct PackInt4 : Int4 {
    static void quantise(const float* w, int groups, int row, uint8_t* scales, int8_t* levels) {
        float wanted[BLOCK_GROUPS], largest = 0;
        for (int group = 0; group < groups; ++group) {
            wanted[group] = fitted_scale(w + group * GROUP);
            largest = std::max(largest, std::fabs(wanted[group]));
        }
        largest = as_half(largest);
        store(scales + 2 * row, (_Float16)largest);
        for (int group = 0; group < groups; ++group, w += GROUP, levels += GROUP) {
            const float share = std::nearbyint(wanted[group] * inverse_of(largest) * 127);
            const float kept = std::min(127.0f, std::max(-127.0f, share));
            scales[(2 + group) * UNIT + row] = (uint8_t)(int8_t)kept;
            set_levels<GROUP>(w, -8, 7, kept * largest / 127, levels);
        }
    }

    static void lay(const Levels* rows, int column, uint8_t* to) {
        for (int octet = 0; octet < GROUP / 8; ++octet)
            for (int row = 0; row < UNIT; ++row)
                for (int i = 0; i < 4; ++i) {
                    const int8_t* level = rows[row] + column + 8 * octet + i;
                    *to++ = (uint8_t)((level[0] + 8) | (level[4] + 8) << 4);
                }
    }
};

struct Packer {
    const float* rows;
    int64_t count, columns;

    // Some columns of a row, filled up with zeros.
    void read(int64_t row, int64_t column, int64_t wanted, float* to) const {
        std::fill_n(to, wanted, 0.0f);
        if (row < count)
            std::copy_n(
                rows + row * columns + column, std::min<int64_t>(wanted, columns - column), to);
    }

    template <class Format>
    void unit(int64_t row, int64_t column, int groups, uint8_t* to) const {
        float weights[MOST_COLUMNS];
        Levels levels[UNIT];
        for (int r = 0; r < UNIT; ++r) {
            read(row + r, column, groups * Format::GROUP, weights);
            Format::quantise(weights, groups, r, to, levels[r]);
        }
        to += Format::scale_bytes(groups);
        for (int group = 0; group < groups; ++group, to += Format::BYTES)
            Format::lay(levels, group * Format::GROUP, to);
    }

    template <class Format>
    void panel(int64_t panel, uint8_t* to) const {
        const int64_t groups = groups_of<Format>();
        for (int64_t group = 0; group < groups; group += BLOCK_GROUPS) {
            const int here = (int)std::min<int64_t>(BLOCK_GROUPS, groups - group);
            for (int64_t row = panel * PANEL; row < (panel + 1) * PANEL; row += UNIT) {
                unit<Format>(row, group * Format::GROUP, here, to);
                to += block_bytes<Format>(here);
            }
        }
    }

    template <class Format>
    void pack(ThreadPool& pool, uint8_t* out) const {
        const int64_t bytes = panel_bytes<Format>(groups_of<Format>());
        pool.run((count + PANEL - 1) / PANEL, [&](uint32_t number) {
            panel<Format>(number, out + number * bytes);
        });
    }

    template <class Format>
    int64_t groups_of() const {
        return (columns + Format::GROUP - 1) / Format::GROUP;
    }
};

template <>
void Packer::unit<Fp32>(int64_t row, int64_t column, int groups, uint8_t* to) const {
    float weights[MOST_COLUMNS];
    for (int r = 0; r < UNIT; ++r) {
        read(row + r, column, groups * Fp32::GROUP, weights);
        for (int i = 0; i < groups * Fp32::GROUP; ++i) store(to + (i * UNIT + r) * 4, weights[i]);
    }
}

}  // namespace

void pack_rows(
    ThreadPool& pool, int bits, const float* rows, int64_t count, int64_t columns, uint8_t* out) {
    const Packer packer{rows, count, columns};
    if (bits == 32) return packer.pack<Fp32>(pool, out);
    if (bits == 8) return packer.pack<PackInt8>(pool, out);
    packer.pack<PackInt4>(pool, out);
}
