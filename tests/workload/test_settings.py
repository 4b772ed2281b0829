"""The settings and their YAML files."""

import math
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate
from pydantic import ValidationError

from pipeline.errors import UsageError
from pipeline.workload.arrivals.batch import ClosedBatches
from pipeline.workload.arrivals.concurrency import Concurrency
from pipeline.workload.arrivals.ramp import Ramp
from pipeline.workload.arrivals.renewal import Constant, Gamma, Poisson
from pipeline.workload.lengths.fixed import Fixed
from pipeline.workload.lengths.uniform import UniformLengths
from pipeline.workload.popularity.zipf import Zipf
from pipeline.workload.prompts.builtin import Builtin
from pipeline.workload.prompts.given import Given
from pipeline.workload.randomness import stream
from tests.workload import golden

CONF = Path(__file__).parents[2] / "conf"
LAWS = sorted((CONF / "workload").glob("*/*.yaml"))
NAN = math.nan


@pytest.fixture
def composed():
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield lambda *overrides: compose("config", [*overrides]).workload


NEEDED = {
    "popularity/punica_zipf": "workload.alpha=1.5",
    "popularity/sglang_geometric": "workload.alpha=1.5",
    "arrivals/replay": f"workload.arrivals.path={golden.DATA}/stamps.txt",
    "lengths/from_file": (
        f"workload.lengths={{path: {golden.DATA}/azure.csv, column: GeneratedTokens}}"
    ),
    "prompts/jsonl": f"workload.prompts.path={golden.DATA}/prompts.jsonl",
    "prompts/sharegpt": f"workload.prompts.path={golden.DATA}/sharegpt.json",
}


@pytest.mark.parametrize("file", LAWS, ids=lambda file: f"{file.parent.name}={file.stem}")
def test_every_law_composes_and_draws(composed, file):
    override = f"workload/{file.parent.name}={file.stem}"
    needed = [NEEDED[key] for key in [f"{file.parent.name}/{file.stem}"] if key in NEEDED]
    workload = instantiate(composed(override, *needed), _convert_="all")
    assert getattr(workload, file.parent.name).name == file.stem
    trace = workload.trace(golden.MORE_ADAPTERS, golden.encode_words)
    assert [request.id for request in trace.requests] == list(range(len(trace.requests)))
    assert file.read_text().startswith("# python -m pipeline ")
    assert override in file.read_text().splitlines()[0]


def test_the_laws_take_what_is_swept_from_the_workload(composed):
    swept = ("alpha=1.5", "batch_size=3", "iterations=2", "max_new_tokens=9")
    workload = instantiate(composed(*(f"workload.{each}" for each in swept)), _convert_="all")
    assert workload.popularity == Zipf(name="zipf", alpha=1.5)
    assert workload.arrivals == ClosedBatches(name="batch", batch_size=3, iterations=2)
    assert workload.lengths == Fixed(name="fixed", max_new_tokens=9)


@pytest.mark.parametrize(
    "settings, values",
    [
        (Zipf, {"alpha": -1}),
        (Zipf, {"alpha": NAN}),
        (Zipf, {"alpha": math.inf}),
        (ClosedBatches, {"batch_size": 0, "iterations": 1}),
        (ClosedBatches, {"batch_size": 1, "iterations": 0}),
        (Concurrency, {"concurrency": 0, "requests": 1}),
        (Concurrency, {"concurrency": 1, "requests": 0}),
        (Poisson, {"rate": 0, "requests": 1}),
        (Poisson, {"rate": math.inf, "requests": 1}),
        (Poisson, {"rate": 1, "requests": 0}),
        (Constant, {"rate": -1, "requests": 1}),
        (Gamma, {"rate": 1, "cv": 0, "requests": 1}),
        (Ramp, {"start_rate": 0, "end_rate": 1, "requests": 1}),
        (Fixed, {"max_new_tokens": 0}),
        (UniformLengths, {"low": 0, "high": 1}),
        (Given, {"prompts": ()}),
        (Fixed, {"max_new_tokens": 1, "surplus": 1}),
    ],
)
def test_nonsense_is_refused(settings, values):
    with pytest.raises(ValidationError):
        settings(name="x", **values)


def test_open_arrivals_take_what_is_swept_from_the_workload(composed):
    for process in ("constant", "poisson", "gamma", "ramp"):
        swept = (f"workload/arrivals={process}", "workload.rate=7.5", "workload.requests=5")
        arrivals = instantiate(composed(*swept), _convert_="all").arrivals
        rate = arrivals.end_rate if process == "ramp" else arrivals.rate
        assert (rate, arrivals.requests, arrivals.rescale) == (7.5, 5, False)


def test_lengths_the_wrong_way_round_are_refused():
    with pytest.raises(UsageError, match="low=3"):
        UniformLengths(name="uniform", low=3, high=2)


def test_more_distinct_requests_than_adapters_are_refused_before_the_run():
    with pytest.raises(UsageError, match=r"8 requests at a time.*there are 5"):
        golden.workload("distinct").check(golden.ADAPTERS[:5])


def test_arrivals():
    assert [
        slot.iteration for slot in ClosedBatches(name="b", batch_size=2, iterations=2).slots(None)
    ] == [
        0,
        0,
        1,
        1,
    ]
    loop = Concurrency(name="c", concurrency=4, requests=10)
    assert (list(loop.groups()), loop.max_in_flight) == ([10], 4)
    assert {(slot.iteration, slot.scheduled_s) for slot in loop.slots(None)} == {(0, 0.0)}


def test_uniform_lengths_reach_both_bounds():
    drawn = UniformLengths(name="uniform", low=2, high=4).draw(200, stream(0, "lengths"))
    assert set(drawn) == {2, 3, 4}


def test_prompts():
    given = Given(name="g", prompts=("a", "b"))
    assert given.draw(5, stream(0, "prompts"), str.split) == ["a", "b", "a", "b", "a"]
    drawn = Builtin(name="builtin").draw(2000, stream(0, "prompts"), str.split)
    assert len(set(drawn)) == 48 and all(each.strip() for each in drawn)
    assert len({len(each) for each in drawn}) > 20
