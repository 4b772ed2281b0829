// What a softmax over several parts of a context comes to, part by part (Milakov and Gimelshein 2018).
#pragma once
#include <algorithm>

#include "vector.h"

// What rows make of a part: the largest score, the sum of the exponentials under it, and the values
// mixed by these. A row that sees none of it has the sum 0.
struct Partial {
    float *largest, *sums;  // (rows)
    float* mixed;           // (rows, width)
    int64_t width;

    static int64_t size(int64_t rows, int64_t width) { return rows * (2 + width); }
    static Partial at(float* data, int64_t rows, int64_t width) {
        return {data, data + rows, data + 2 * rows, width};
    }
    float* row(int64_t row) const { return mixed + row * width; }

    // Takes in what the same row made of the next span.
    void merge(int64_t number, const Partial& next) const {
        if (next.sums[number] == 0) return;
        if (sums[number] == 0) {
            largest[number] = next.largest[number];
            sums[number] = next.sums[number];
            std::copy_n(next.row(number), width, row(number));
            return;
        }
        const float both = std::max(largest[number], next.largest[number]);
        const Floats mine = exponential(broadcast(largest[number] - both));
        const Floats theirs = exponential(broadcast(next.largest[number] - both));
        largest[number] = both;
        sums[number] = sums[number] * mine[0] + next.sums[number] * theirs[0];
        for (int64_t i = 0; i < width; i += LANES)
            store(row(number) + i, load<Floats>(row(number) + i) * mine +
                                       load<Floats>(next.row(number) + i) * theirs);
    }
};
