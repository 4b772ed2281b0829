"""Simulated sweeps on a drifting machine: how often intervals hold the truth, and find a change.

`python -m pipeline.compare.coverage` does the same with more sweeps and all sizes.
"""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.compare.coverage import METRIC, WORLDS, coverage, main
from pipeline.compare.ratios import Ratio
from pipeline.compare.simulation import World
from pipeline.compare.verdict import judged

DEFAULT, EFFECT, UNEQUAL, GIVEN = WORLDS.values()
SWEEPS = 400
CHANCE = 0.02
"""Two standard errors of a share of 5 % in that many sweeps."""


@pytest.mark.parametrize(
    ("world", "conditions", "repeats"),
    [
        *((DEFAULT, conditions, 3) for conditions in (1, 3, 9)),
        *((DEFAULT, 3, repeats) for repeats in (2, 5, 12)),
        *((EFFECT, conditions, 3) for conditions in (1, 9)),
        (EFFECT, 6, 9),
        *((UNEQUAL, 2, repeats) for repeats in (3, 9)),
        *((GIVEN, conditions, 3) for conditions in (1, 9)),
    ],
)
def test_intervals_of_one_engine_against_itself_hold_1(
    world: World, conditions: int, repeats: int
) -> None:
    found = coverage(replace(world, conditions=conditions, repeats=repeats), SWEEPS)
    assert 0.93 - CHANCE <= found.held_last <= 0.97 + CHANCE
    assert 0.93 <= found.held <= 0.97
    assert found.false <= 0.05 + CHANCE
    assert found.false_rows <= 0.05 + CHANCE


def test_an_order_that_is_drawn_narrows_the_interval() -> None:
    drawn, given = (
        coverage(replace(world, conditions=9, repeats=3), 100).reach for world in (DEFAULT, GIVEN)
    )
    assert drawn < given / 5


def test_a_slow_down_of_a_tenth_is_found() -> None:
    world = World(repeats=5, speeds=(1.0, 0.9))
    words = [judged(sweep, METRIC)[1].word for sweep in world.sweeps(SWEEPS)]
    assert words.count("slower") >= 0.95 * SWEEPS
    assert "faster" not in words


def test_a_difference_that_is_there_is_rarely_called_too_large_to_hide() -> None:
    """An engine 5 % slower: in most sweeps not found, and in few is as much said to be excluded."""
    world = World(repeats=4, conditions=1, speeds=(1.0, 0.95))
    verdicts = [judged(sweep, METRIC)[1] for sweep in world.sweeps(SWEEPS)]
    within = [each.within for each in verdicts if each.within is not None]
    assert len(within) > SWEEPS / 4
    assert sum(each < 0.05 for each in within) <= (0.05 + CHANCE) * SWEEPS
    assert np.median(within) < 0.25


def test_among_many_engines_that_are_one_none_is_faster() -> None:
    """Twenty comparisons at 95 % would find a difference in most sweeps; Holm's keep to 5 %."""
    plain = corrected = 0
    pairs = World(repeats=4, speeds=(1.0, 1.0))
    for seed in range(100):
        family: dict[int, Ratio] = dict(enumerate(s[1] for s in pairs.sweeps(20, seed)))
        plain += any(each.excludes_one for each in family.values())
        corrected += any(each.differs for each in judged(family, METRIC).values())
    assert plain > 40
    assert corrected <= 11


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--sweeps", "2"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("%") > 4 * 9 * 5
    assert "order drawn, as by default; 2 sweeps a row" in printed
