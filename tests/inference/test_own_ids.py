"""Rows of logits as wide as the widest vocabulary, and what of them is whose."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipeline.inference.own_ids import bound, own_ids


@given(
    arrays.arrays(np.float32, (3, 7), elements=st.floats(-9, 9, width=32) | st.just(np.nan)),
    st.lists(st.integers(1, 7), min_size=3, max_size=3),
)
def test_what_was_bound_is_what_is_left_out(logits, sizes):
    kept = logits.copy()
    bound(logits, sizes)
    for row, before, size in zip(logits, kept, sizes, strict=True):
        np.testing.assert_array_equal(own_ids(row), before[:size])


def test_a_row_of_nothing_else_stays():
    nothing = np.full(4, -np.inf, np.float32)
    assert own_ids(nothing) is not None and len(own_ids(nothing)) == 4
