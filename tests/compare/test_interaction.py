"""The F test of arm × repeat, against a textbook's analysis of variance."""

from dataclasses import replace
from operator import attrgetter

import numpy as np
import pytest
from scipy.stats import f_oneway

from pipeline.compare.ratios import Ratio
from pipeline.compare.simulation import NOISE, World

p_value = attrgetter("interaction_p_value")


def table(logs: np.ndarray) -> Ratio:
    """A ratio of repeats (rows) under conditions (columns)."""
    repeats, conditions = np.indices(logs.shape)
    cells = (np.exp(logs), conditions, repeats)
    return Ratio(*(tuple(each.ravel().tolist()) for each in cells))


def test_by_hand() -> None:
    """Between the repeats 12 in two degrees, within them 4 in two: F = 3, so p = 1 / (1 + 3)."""
    logs = np.array([[0.0, 0.0], [2.0, 4.0], [1.0, -1.0]])
    assert p_value(table(logs)) == pytest.approx(0.25)
    assert p_value(table(logs + np.array([0.0, 7.0]))) == pytest.approx(0.25)


def test_conditions_that_are_one_are_a_one_way_analysis() -> None:
    logs = np.random.default_rng(1).normal(size=(4, 5))
    values = tuple(np.exp(logs).ravel().tolist())
    found = p_value(Ratio(values, ("a",) * 20, tuple(r for r in range(4) for _ in range(5))))
    assert found == pytest.approx(f_oneway(*logs).pvalue)


@pytest.mark.parametrize(
    "ratio",
    [
        table(np.array([[0.1], [0.2], [0.4]])),
        table(np.array([[0.1, 0.3, 0.2]])),
        table(np.zeros((3, 3))),
    ],
)
def test_nothing_to_test(ratio: Ratio) -> None:
    assert p_value(ratio) is None


def test_nothing_but_an_effect_leaves_no_doubt() -> None:
    assert p_value(table(np.array([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]]))) == 0


def test_an_effect_is_found_with_many_repeats_and_mostly_not_with_three() -> None:
    world = World(conditions=3, repeats=3, speeds=(1.0, 1.0))

    def found(world: World) -> float:
        return float(np.mean([(p_value(sweep[1]) or 1) < 0.05 for sweep in world.sweeps(200)]))

    assert found(world) < 0.1
    assert found(replace(world, effect=NOISE)) < 0.5
    assert found(replace(world, effect=NOISE, repeats=20)) > 0.9
