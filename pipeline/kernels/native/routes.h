// Which experts each token uses, in a row of a buffer: their weights, the heaviest first; their numbers;
// their places, where all that is sent to experts lies expert by expert, and in the tokens' order for
// each; and what the shared expert's output is multiplied by.
#pragma once
#include "abi.h"

struct Routes {
    const Routing& routing;
    float* values;
    int64_t tokens, width;

    static int64_t columns(const Routing& routing) { return 3 * routing.used + 1; }
    int64_t rows() const { return tokens * routing.used; }

    float* weights(int64_t token) const { return values + token * width; }
    float* numbers(int64_t token) const { return weights(token) + routing.used; }
    float* places(int64_t token) const { return weights(token) + 2 * routing.used; }
    float& shared(int64_t token) const { return weights(token)[3 * routing.used]; }

    // Whatever the buffer holds, no number leads out of what there is.
    int64_t expert(int64_t token, int64_t rank) const {
        return within(numbers(token)[rank], routing.experts);
    }
    int64_t place(int64_t token, int64_t rank) const { return within(places(token)[rank], rows()); }

    static int64_t within(float number, int64_t count) {
        return number >= 0 && number < (float)count ? (int64_t)number : 0;
    }
};
