// How attention is shared out among threads: by tiles and key heads, and where the context of a lone
// token is long, which has nobody to read it along, by spans too (flash-decoding).
#pragma once
#include <algorithm>
#include <vector>

#include "attention_tile.h"

// A tile with its place in the loop: for each key head `pieces` items, of `run` spans each.
struct Work {
    Tile tile;
    int64_t first_item, pieces, run;
    int64_t first_partial;  // of those that are merged once all pieces are there

    static constexpr int64_t RUN = 4;  // spans, shorter contexts aren't cut
    bool can_be_cut() const { return tile.tokens == 1 && tile.spans() > RUN; }
    bool is_cut() const { return pieces > 1; }
};

class WorkList {
public:
    // `rows` of a tile at most, unless a token alone has more.
    WorkList(const Forward& forward, const HeadShape& heads, int64_t rows, int64_t window) {
        find_tiles(forward, std::max<int64_t>(1, rows / (heads.queries / heads.keys)), window);
        int64_t spans = 0;
        for (const Work& work : works_) spans += work.can_be_cut() ? work.tile.spans() : 0;
        // A loop has no more than so many items.
        const int64_t room = std::max<int64_t>(1, MAX_CHUNKS - 1 - forward.tokens * heads.keys);
        for (Work& work : works_) {
            work.run = work.can_be_cut() ? Work::RUN + spans * heads.keys / room : work.tile.spans();
            work.pieces = pieces_of(work.tile.spans(), work.run);
            work.first_item = items_;
            work.first_partial = partials_;
            items_ += work.pieces * heads.keys;
            if (work.is_cut()) partials_ += work.tile.spans() * heads.keys;
        }
    }

    int64_t items() const { return items_; }
    int64_t partials() const { return partials_; }

    const Work& of_item(int64_t item) const {
        return last([&](const Work& work) { return work.first_item <= item; });
    }
    const Work& of_token(int64_t token) const {
        return last([&](const Work& work) { return work.tile.token <= token; });
    }

private:
    // Tokens whose sequence is one and whose positions follow each other.
    void find_tiles(const Forward& forward, int64_t most, int64_t window) {
        for (int64_t token = 0; token < forward.tokens; ++token) {
            const int64_t position = forward.positions[token];
            Tile* last = works_.empty() ? nullptr : &works_.back().tile;
            if (last && last->tokens < most && last->position + last->tokens == position &&
                forward.sequences[last->token] == forward.sequences[token])
                ++last->tokens;
            else
                works_.push_back({{token, 1, position, window}, 0, 0, 0, 0});
        }
    }

    template <class Begun>
    const Work& last(const Begun& begun) const {
        return *--std::partition_point(works_.begin(), works_.end(), begun);
    }

    std::vector<Work> works_;
    int64_t items_ = 0, partials_ = 0;
};
