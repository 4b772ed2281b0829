// Quantises weights and puts them where layout.py says.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels.h"
#include "vector.h"

namespace {

float as_half(float value) { return (float)(Half)value; }

float inverse_of(float scale) { return scale != 0 ? 1 / scale : 0; }

// Whole numbers among a format's levels, as floats.
template <WeightFormat F>
ALWAYS_INLINE Floats levels_of(Floats weights, Floats inverse) {
    const Floats low = broadcast(lowest_level(F)), high = broadcast(highest_level(F.weight_bits));
    Floats level = rounded(weights * inverse);
    level = level < low ? low : level;
    return level > high ? high : level;
}

template <WeightFormat F>
void set_levels(const float* w, float scale, float offset, int8_t* to) {
    const Floats inverse = broadcast(inverse_of(scale)), shift = broadcast(offset);
    for (int i = 0; i < F.group; i += LANES) {
        const Floats level = levels_of<F>(load<Floats>(w + i) - shift, inverse);
        for (int lane = 0; lane < LANES; ++lane) to[i + lane] = (int8_t)level[lane];
    }
}

// Levels stand for level · scale + offset.
struct Fit {
    float scale = 0, offset = 0, error = std::numeric_limits<float>::infinity();
};

// The least-squares line through the levels that another one leads to.
template <WeightFormat F>
Fit fit(const float* w, float mean, float scale, float offset) {
    constexpr int VECTORS = F.group / LANES;
    const Floats inverse = broadcast(inverse_of(scale)), shift = broadcast(offset);
    Floats levels[VECTORS], sum{}, squares{}, products{}, errors{};
    for (int i = 0; i < VECTORS; ++i) {
        levels[i] = levels_of<F>(load<Floats>(w + LANES * i) - shift, inverse);
        sum += levels[i];
        squares += levels[i] * levels[i];
        products += levels[i] * (load<Floats>(w + LANES * i) - broadcast(mean));
    }
    const float middle = sum_of(sum) / F.group;
    const float spread = sum_of(squares) - F.group * middle * middle;
    const float best = sum_of(products) * inverse_of(spread), rest = mean - best * middle;
    for (int i = 0; i < VECTORS; ++i) {
        const Floats there = levels[i] * broadcast(best) + broadcast(rest);
        const Floats error = there - load<Floats>(w + LANES * i);
        errors += error * error;
    }
    return {best, rest, sum_of(errors)};
}

// The lowest and the highest weight each fall on a place near the end of the levels: wherever errs least.
template <WeightFormat F>
Fit best_fit(const float* w) {
    constexpr float INSIDE[] = {-0.4f, 0.1f, 0.6f};
    constexpr int LOWEST = lowest_level(F), SPAN = highest_level(F.weight_bits) - LOWEST;
    Floats low = load<Floats>(w), high = low, sum{};
    for (int i = 0; i < F.group; i += LANES) {
        const Floats here = load<Floats>(w + i);
        low = here < low ? here : low;
        high = maximum(here, high);
        sum += here;
    }
    const float mean = sum_of(sum) / F.group, lowest = -maximum_of(-low);
    const float range = maximum_of(high) - lowest;
    Fit best;
    for (const float below : INSIDE)
        for (const float above : INSIDE) {
            const float scale = range / (SPAN - below - above);
            const Fit found = fit<F>(w, mean, scale, lowest - (LOWEST + below) * scale);
            if (found.error < best.error) best = found;
        }
    return best;
}

// Of a group the weight furthest from 0.
template <WeightFormat F>
float furthest(const float* w) {
    const auto [low, high] = std::minmax_element(w, w + F.group);
    return *high >= -*low ? *high : *low;
}

// Whether the weights are whole numbers of scales, to the last bit.
template <WeightFormat F>
bool holds(const float* w, float scale) {
    const Floats all = broadcast(scale), inverse = broadcast(inverse_of(scale));
    for (int i = 0; i < F.group; i += LANES) {
        const Floats there = levels_of<F>(load<Floats>(w + i), inverse) * all;
        for (int lane = 0; lane < LANES; ++lane)
            if (there[lane] != w[i + lane]) return false;
    }
    return true;
}

// Where the largest magnitude stands among the levels of a format that weights were rounded to before,
// whose scale they keep: GGUF's q4_0 and q5_0.
constexpr float FEWER[] = {7, 8, 15, 16};
// And of these, in q4_0, the weight furthest from 0, whichever sign its scale has.
constexpr float AT_AN_END[] = {-8, -7};

template <WeightFormat F>
Fit own_or_best_fit(const float* w) {
    for (const float level : AT_AN_END)
        if (const float own = as_half(furthest<F>(w) / level); holds<F>(w, own)) return {own, 0, 0};
    return best_fit<F>(w);
}

// Each quantises a block of one row, whose scales go to their place among the unit's.
template <WeightFormat F>
void quantise_by_group(const float* w, int groups, int row, uint8_t* scales, int8_t* levels) {
    for (int group = 0; group < groups; ++group, w += F.group, levels += F.group) {
        const float largest = largest_magnitude(w, F.group);
        float scale = as_half(largest / highest_level(F.weight_bits));
        for (const float level : FEWER)
            if (const float own = as_half(largest / level); holds<F>(w, own)) scale = own;
        store(scales + 2 * (group * UNIT + row), (Half)scale);
        set_levels<F>(w, scale, 0, levels);
    }
}

// A whole number of steps, of which the largest needs as many as 8 bits have.
int8_t steps_of(float value, float inverse) {
    constexpr float MOST = highest_level(8);
    return (int8_t)std::min(MOST, std::max(-MOST, std::nearbyint(value * inverse)));
}

template <WeightFormat F>
void quantise_by_sub_scales(
    const float* w, int groups, int row, uint8_t* scales, int8_t* levels) {
    constexpr float SHARES = highest_level(F.scale_bits);
    Fit wanted[BLOCK_GROUPS];
    float largest = 0;
    for (int group = 0; group < groups; ++group) {
        const Fit& its = wanted[group] = own_or_best_fit<F>(w + group * F.group);
        largest = std::max({largest, std::fabs(its.scale), std::fabs(its.offset) / OFFSET_SHARES});
    }
    largest = as_half(largest);
    store(scales + 2 * row, (Half)largest);
    const float share = largest / SHARES, inverse = inverse_of(share);
    uint8_t* offsets = scales + scale_bytes(F, groups) - offset_bytes(F, groups) + 2 * row;
    if (groups % 2) offsets[groups / 2 * 2 * UNIT + 1] = 0;
    for (int group = 0; group < groups; ++group, w += F.group, levels += F.group) {
        const int8_t scale = steps_of(wanted[group].scale, inverse);
        const int8_t offset = steps_of(wanted[group].offset, inverse / OFFSET_SHARES);
        scales[(2 + group) * UNIT + row] = (uint8_t)scale;
        offsets[group / 2 * 2 * UNIT + group % 2] = (uint8_t)offset;
        set_levels<F>(w, scale * share, offset * OFFSET_SHARES * share, levels);
    }
}

// A group's levels, `lane_columns` of a row before the next row's. Where several fit into a byte, the
// first of these columns are in its low bits.
template <WeightFormat F, class Levels>
void lay(const Levels* rows, int column, uint8_t* to) {
    constexpr int IN_BYTE = 8 / F.weight_bits, BYTES = F.lane_columns / IN_BYTE;
    for (int last = column + F.group; column < last; column += F.lane_columns)
        for (int row = 0; row < UNIT; ++row)
            for (int i = 0; i < BYTES; ++i) {
                int byte = 0;
                for (int part = 0; part < IN_BYTE; ++part)
                    byte |= (rows[row][column + part * BYTES + i] + F.zero_point)
                            << F.weight_bits * part;
                *to++ = (uint8_t)byte;
            }
}

template <WeightFormat F>
struct Packer {
    const float* rows;
    int64_t count, columns;

    int64_t groups() const { return pieces_of(columns, F.group); }

    // Some columns of a row, filled up with zeros.
    void read(int64_t row, int64_t column, int64_t wanted, float* to) const {
        std::fill_n(to, wanted, 0.0f);
        if (row < count)
            std::copy_n(
                rows + row * columns + column, std::min<int64_t>(wanted, columns - column), to);
    }

    void copy_unit(int64_t row, int64_t column, int groups, uint8_t* to) const {
        float weights[block_columns(F)];
        for (int r = 0; r < UNIT; ++r) {
            read(row + r, column, groups * F.group, weights);
            for (int i = 0; i < groups * F.group; ++i) store(to + (i * UNIT + r) * 4, weights[i]);
        }
    }

    void quantise_unit(int64_t row, int64_t column, int groups, uint8_t* to) const {
        float weights[block_columns(F)];
        int8_t levels[UNIT][block_columns(F)];
        for (int r = 0; r < UNIT; ++r) {
            read(row + r, column, groups * F.group, weights);
            if constexpr (F.block_scale_bits)
                quantise_by_sub_scales<F>(weights, groups, r, to, levels[r]);
            else
                quantise_by_group<F>(weights, groups, r, to, levels[r]);
        }
        to += scale_bytes(F, groups);
        for (int group = 0; group < groups; ++group, to += group_bytes(F))
            lay<F>(levels, group * F.group, to);
    }

    void pack_panel(int64_t panel, uint8_t* to) const {
        for (int64_t group = 0; group < groups(); group += BLOCK_GROUPS) {
            const int here = (int)std::min<int64_t>(BLOCK_GROUPS, groups() - group);
            for (int64_t row = panel * PANEL; row < (panel + 1) * PANEL; row += UNIT) {
                if constexpr (F.scale_bits)
                    quantise_unit(row, group * F.group, here, to);
                else
                    copy_unit(row, group * F.group, here, to);
                to += block_bytes(F, here);
            }
        }
    }

    void run(ThreadPool& pool, uint8_t* out) const {
        const int64_t bytes = panel_bytes(F, groups());
        pool.run(pieces_of(count, PANEL), [&](uint32_t number) {
            pack_panel(number, out + number * bytes);
        });
    }
};

}  // namespace

void pack_rows(
    ThreadPool& pool, int format, const float* rows, int64_t count, int64_t columns, uint8_t* out) {
    with_weight_format(format, [&]<WeightFormat F>() {
        Packer<F>{rows, count, columns}.run(pool, out);
    });
}
