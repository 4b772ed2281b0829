"""Tail percentiles: their interval knows of the requests."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.compare.comparison import assemble
from pipeline.compare.intervals import BOOTSTRAP, STUDENT
from pipeline.compare.ratios import Ratio
from pipeline.compare.tails import TailRatio, is_tail
from pipeline.metrics.latency import sample
from pipeline.tracking.run_directory import RunDirectory

METRIC = "ttft_s/p99"


def repeated(path: Path, make_run: Callable[..., Path], repeats: int, lost: str = "") -> Ratio:
    """Two engines whose requests wait log-normally, b's 1.3 times as long as a's."""
    rng = np.random.default_rng(4)
    for repeat in range(repeats):
        for engine, slower in (("merged", 1.0), ("multilora", 1.3)):
            run = RunDirectory(make_run(path / f"{engine}{repeat}", engine, repeat=repeat))
            like, whole = run.requests()[0], run.iterations()[0]
            (run.path / "requests.jsonl").unlink()
            waits = slower * rng.lognormal(-2, 0.4, 700)
            run.append(whole, [replace(like, id=n, tokens=(w,)) for n, w in enumerate(waits)])
            p99 = float(np.percentile(sample("ttft_s", run.requests()), 99))
            run.write_json("metrics.json", dict(run.json("metrics.json")) | {METRIC: p99})
    (path / lost / "requests.jsonl").unlink(missing_ok=True)
    found = assemble([path], metric=METRIC).overall("multilora")
    assert found
    return found


def test_which_metrics_are_tails() -> None:
    assert is_tail("ttft_s/p99")
    assert is_tail("e2e_s/p90")
    assert not is_tail("ttft_s/p50")
    assert not is_tail("dispatch_lag_s/p99")
    assert not is_tail("output_tokens_per_s")


def test_few_repeats_are_students(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    found = repeated(tmp_path, make_run, 3)
    assert isinstance(found, TailRatio)
    assert found.method == STUDENT
    assert found.interval == Ratio(found.values, found.conditions).interval


def test_many_repeats_are_resampled_with_their_requests(
    tmp_path: Path, make_run: Callable[..., Path]
) -> None:
    found = repeated(tmp_path, make_run, 10)
    assert found.method == f"{BOOTSTRAP}, then requests"
    low, high = found.interval or (0, 0)
    plain = Ratio(found.values, found.conditions).interval or (0, 0)
    assert low < 1.3 < high
    assert high / low > plain[1] / plain[0]


def test_without_requests_runs_are_resampled_alone(
    tmp_path: Path, make_run: Callable[..., Path]
) -> None:
    found = repeated(tmp_path, make_run, 10, lost="merged3")
    assert found.method == BOOTSTRAP
    assert found.interval == pytest.approx(Ratio(found.values, found.conditions).interval)
