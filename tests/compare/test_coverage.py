"""Simulated sweeps on a drifting machine: how often intervals hold the truth, and find a change."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import ttest_ind

from pipeline.compare.ratios import Ratio, ratio
from pipeline.compare.run import Run
from pipeline.compare.verdict import judged
from pipeline.sweep import running_order

METRIC = "output_tokens_per_s"
ALPHAS = (0.0, 1.0, 2.0)
NOISE = 0.02
SWEEPS = 400


def simulated(seed: int, repeats: int, alphas: tuple[float, ...], change: float) -> list[list[Run]]:
    """The runs of engines a and b, b being `change` times as fast, in a shuffled sweep.

    The machine has another speed in every repeat, by a fifth or so; within one it gets steadily
    faster or slower and walks at random on top of it.
    """
    rng = np.random.default_rng(seed)
    jobs = [
        SimpleNamespace(config=SimpleNamespace(repeat=r, shuffle=seed), engine=engine, alpha=alpha)
        for r in range(repeats)
        for alpha in alphas
        for engine in (0, 1)
    ]
    order = running_order(jobs)  # type: ignore[arg-type]
    drift = np.concatenate([_drift(rng, len(order) // repeats) for _ in range(repeats)])
    arms: list[list[Run]] = [[], []]
    for job, slow in zip(order, drift, strict=True):
        speed = 50 * (1 + job.alpha) * change**job.engine * np.exp(slow + rng.normal(0, NOISE))
        arms[job.engine].append(run(float(speed), job.alpha, job.config.repeat))
    return arms


def _drift(rng: np.random.Generator, jobs: int) -> np.ndarray:
    steady = rng.normal(0, 0.2) + rng.normal(0, 0.01) * np.arange(jobs)
    return steady + np.cumsum(rng.normal(0, 0.01, jobs))


def run(speed: float, alpha: float, repeat: int) -> Run:
    """A valid run of that speed."""
    return Run(
        Path("run"),
        "FINISHED",
        {"repeat": repeat},
        validity="VALID",
        metrics={METRIC: speed},
        trace=str(alpha),
        condition=(("workload.alpha", alpha),),
    )


def compared(sweep: list[list[Run]]) -> Ratio:
    """Engine b against engine a."""
    first, second = sweep
    found = ratio(second, first, METRIC)
    assert found
    return found


def sweeps(repeats: int, alphas: tuple[float, ...], change: float) -> Iterator[list[list[Run]]]:
    """Many sweeps of one kind."""
    for seed in range(SWEEPS):
        yield simulated(seed, repeats, alphas, change)


@pytest.mark.parametrize("alphas", [ALPHAS[:1], ALPHAS], ids=("one cell", "three cells"))
@pytest.mark.parametrize("repeats", [2, 3, 5, 12])
def test_intervals_of_one_engine_against_itself_hold_1(
    repeats: int, alphas: tuple[float, ...]
) -> None:
    intervals = [compared(sweep).interval or (2, 0) for sweep in sweeps(repeats, alphas, 1.0)]
    held = np.mean([low <= 1 <= high for low, high in intervals])
    assert 0.92 <= held <= 0.98


def test_a_slow_down_of_a_tenth_is_found_by_pairs_alone() -> None:
    paired, unpaired = [], []
    for sweep in sweeps(5, ALPHAS[:1], 0.9):
        (verdict,) = judged({"b": compared(sweep)}, METRIC).values()
        paired.append(verdict.word == "slower")
        logs = [[np.log(each.metrics[METRIC]) for each in arm] for arm in sweep]
        unpaired.append(ttest_ind(*logs, equal_var=False).pvalue < 0.05)
    assert np.mean(paired) >= 0.95
    assert np.mean(unpaired) <= 0.05


def test_among_many_engines_that_are_one_none_is_faster() -> None:
    """Twenty comparisons at 95 % would find a difference in most sweeps; Holm's keep to 5 %."""
    plain = corrected = 0
    for seed in range(100):
        family = {
            arm: compared(simulated(100 * seed + arm, 4, ALPHAS[:1], 1.0)) for arm in range(20)
        }
        plain += any(each.excludes_one for each in family.values())
        corrected += any(each.differs for each in judged(family, METRIC).values())
    assert plain > 40
    assert corrected <= 11
