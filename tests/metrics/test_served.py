"""What was served beside the reference's: near-ties are excused, nothing else is."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.metrics.distributions import logit_error
from pipeline.metrics.findings import Findings
from pipeline.metrics.floors import BY_PRECISION, missed, missed_by_default, tolerance
from pipeline.metrics.served import Served, served_agreement

SCORES = np.log(np.array([[0.5, 0.3, 0.2], [0.4, 0.39, 0.21], [0.9, 0.06, 0.04]], np.float32))
"""The reference's first token is 0 everywhere; at place 1 token 1 comes within 0.025 nats."""


def beside(*output, reference=(0, 0, 0), asked=3):
    return Served.of(7, asked, reference, SCORES, output)


def test_equal_outputs_count_whole():
    assert served_agreement([beside(0, 0, 0)], 0.0) == 1
    assert beside(0, 0, 0).gap is None


def test_a_near_tie_is_excused_and_what_follows_is_not_judged():
    near = beside(0, 1, 2)
    assert near.gap == pytest.approx(np.log(0.4 / 0.39), rel=1e-4)
    assert served_agreement([near], 0.03) == 1
    assert served_agreement([near], 0.02) == pytest.approx(1 / 3)


def test_the_token_that_was_served_must_be_the_near_one():
    """The reference was nearly undecided there, but not about this token."""
    assert served_agreement([beside(0, 2, 0)], 0.03) == pytest.approx(1 / 3)


def test_after_a_difference_that_is_not_excused_all_counts_as_different():
    assert served_agreement([beside(1, 0, 0)], 0.03) == 0
    assert served_agreement([beside(0, 0, 1), beside(0, 0, 0)], 0.03) == pytest.approx(5 / 6)


def test_an_output_that_ends_elsewhere_is_not_excused():
    assert served_agreement([beside(0, 0)], 99.0) == pytest.approx(2 / 3)
    assert served_agreement([beside(0, 0, 0, reference=(0, 0))], 99.0) == pytest.approx(2 / 3)
    assert served_agreement([beside(0, 0, 0, 1)], 0.0) == 1


def test_where_nothing_can_be_judged_there_is_no_figure():
    assert served_agreement([beside(1, 1, 1)], 99.0) is None
    assert served_agreement([], 0.0) is None


@given(st.lists(st.integers(0, 2), min_size=3, max_size=3), st.floats(0, 5), st.floats(0, 5))
def test_a_larger_error_never_lowers_it(output, one, other):
    found = [served_agreement([beside(*output)], error) for error in sorted((one, other))]
    smaller, larger = (1 if each is None else each for each in found)
    assert 0 <= smaller <= larger <= 1


def test_the_error_bounds_what_a_first_token_can_lose_by():
    generator = np.random.default_rng(0)
    reference = generator.normal(size=(500, 40)).astype(np.float32)
    candidate = reference + generator.normal(scale=0.3, size=(500, 40)).astype(np.float32)
    rows = np.arange(len(reference))
    chosen, own = candidate.argmax(1), reference.argmax(1)
    lost = reference[rows, own] - reference[rows, chosen]
    assert (lost > 0).any()
    assert (lost <= logit_error(reference, candidate) + 1e-6).all()
    assert logit_error(reference, reference + 3) == pytest.approx(0, abs=1e-5)


def test_a_coarser_precision_is_never_held_to_more():
    kept = [tolerance(name) for name in ("fp32", "bf16", "int8", "int4", "of a ready-made file")]
    for fine, coarse in pairwise(kept):
        assert coarse.min_agreement <= fine.min_agreement
        assert coarse.max_kl >= fine.max_kl
        assert coarse.max_error >= fine.max_error
    assert {"fp32", "f16", "q8_0", "q4_k_m", "nf4"} < set(BY_PRECISION)


BAD = {"served_agreement": 0.1, "token_agreement": 0.99, "mean_kl": 0.2}
FOUND = Findings(overall=BAD, adapters={"a": BAD, None: {"served_agreement": 1.0, "mean_kl": 0.0}})


def test_floors_of_a_precision_name_it_and_the_adapter():
    assert missed_by_default(FOUND, "int8", 0.7, 0.03) == (
        "served_agreement misses 0.7, the least that int8 must keep: a 0.1",
        "mean_kl misses 0.03, the most that int8 may have: a 0.2",
    )
    assert missed_by_default(FOUND, "int8", None, None) == ()
    assert missed_by_default(Findings(), "int8", 0.7, 0.03) == ()


def test_a_stated_floor_is_held_against_what_was_served():
    (reason,) = missed(FOUND, 0.9, None)
    assert reason == "served_agreement misses fidelity.min_agreement=0.9: a 0.1"
