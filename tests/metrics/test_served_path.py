"""What company does to an answer: the laws of both figures, and cases worked out by hand."""

from dataclasses import replace
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.metrics.served_path import AdaptedScores, effect_error, path_kl

PLACES, VOCABULARY = 16, 500
seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int) -> tuple[AdaptedScores, np.ndarray]:
    """An answer with an adapter and without, and noise as large as the adapter's effect."""
    generator = np.random.default_rng(seed)
    bare, effect, noise = generator.standard_normal((3, PLACES, VOCABULARY)).astype(np.float32)
    return AdaptedScores(bare + effect, bare), noise


def served(alone: AdaptedScores, share: float) -> AdaptedScores:
    """The same with a share of the effect."""
    return replace(alone, own=alone.bare + np.float32(share) * (alone.own - alone.bare))


def test_path_kl_is_the_mean_divergence_from_the_answer_alone() -> None:
    alone = np.log(np.array([[0.5, 0.5], [0.2, 0.8]], np.float32))
    among = np.log(np.array([[0.25, 0.75], [0.2, 0.8]], np.float32))
    assert path_kl(alone, alone + 5) == pytest.approx(0, abs=1e-12)
    assert path_kl(alone, among) == pytest.approx((log(2) + log(2 / 3)) / 4, rel=1e-5)
    with pytest.raises(ValueError, match="not a number"):
        path_kl(alone, among * np.nan)


def test_an_unlikely_token_that_moves_by_nats_hardly_counts() -> None:
    """Trained to certainty, the second token 10 nats behind; then the same, rounded otherwise."""
    sure = np.array([[0, -10.34, -11.81, -12.99, -13.22]], np.float32)
    assert path_kl(sure, sure + np.array([[0, 1.93, 0.99, 0.76, 0.86]], np.float32)) < 2e-4


@settings(deadline=None)
@given(seeds, st.floats(-2, 3))
def test_a_share_of_the_effect_is_found_as_what_is_missing(seed: int, share: float) -> None:
    alone, _ = drawn(seed)
    assert effect_error(alone, served(alone, share)) == pytest.approx(abs(share - 1), abs=1e-5)


@settings(deadline=None)
@given(seeds, st.floats(-50, 50), st.integers(1, PLACES))
def test_what_is_added_to_all_tokens_changes_nothing(seed: int, more: float, places: int) -> None:
    alone, noise = drawn(seed)
    among = AdaptedScores(alone.own + noise / 10, alone.bare[:places] + noise[:places] / 100)
    moved = AdaptedScores(among.own + np.float32(more), among.bare - np.float32(more))
    assert effect_error(alone, moved) == pytest.approx(effect_error(alone, among), abs=1e-4)


@settings(deadline=None)
@given(seeds, st.floats(0, 1))
def test_rounding_alone_is_no_error(seed: int, much: float) -> None:
    alone, noise = drawn(seed)
    small = np.float32(much) * noise
    assert effect_error(alone, AdaptedScores(alone.own + small, alone.bare + small[::-1])) < 0.01


@settings(deadline=None)
@given(seeds)
def test_a_tenth_too_weak_is_seen_through_rounding(seed: int) -> None:
    alone, noise = drawn(seed)
    weak = served(alone, 0.9)
    among = AdaptedScores(weak.own + noise / 10, alone.bare[:4] + noise[:4] / 10)
    assert effect_error(alone, among) > 0.05


def test_an_adapter_that_does_nothing_has_no_share() -> None:
    bare = np.zeros((2, 3), np.float32)
    assert effect_error(AdaptedScores(bare, bare), AdaptedScores(bare + 1, bare)) == 0


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_scores_that_are_no_numbers_have_no_error(broken: float) -> None:
    alone, _ = drawn(0)
    bad = alone.own.copy()
    bad[3, 4] = broken
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match="not a number"):
        effect_error(alone, AdaptedScores(bad, alone.bare))
