// Tiles of queries, and the spans that the context is split into at fixed positions.
#pragma once
#include <algorithm>
#include <cstdint>

#include "layout.h"

constexpr int64_t SPAN = 256;  // positions

// Positions from `first` to before `end`.
struct Range {
    int64_t first, end;

    Range clipped(Range to) const { return {std::max(first, to.first), std::min(end, to.end)}; }
    bool empty() const { return first >= end; }
};

// Neighbouring tokens of one sequence, at neighbouring positions; their query heads that share a key
// head are the rows of a tile.
struct Tile {
    int64_t token, tokens;
    int64_t position;  // of the first token
    int64_t window;    // positions that a token sees, 0 for all

    Range seen(int64_t number) const {
        const int64_t last = position + number;
        return {window > 0 ? std::max<int64_t>(0, last - window + 1) : 0, last + 1};
    }
    Range seen() const { return {seen(0).first, seen(tokens - 1).end}; }
    int64_t first_span() const { return seen().first / SPAN; }
    int64_t spans() const { return pieces_of(seen().end, SPAN) - first_span(); }
};
