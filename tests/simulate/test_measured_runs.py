"""Runs whose stamps are those of the engine's scheduler under a clock: all about them is known."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.errors import UsageError
from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.kv_counts import KvCounts
from pipeline.metrics.step_law import StepLaw
from pipeline.metrics.timeline import Iteration, RequestRecord
from pipeline.simulate.check import main
from pipeline.simulate.demand import Demand
from pipeline.simulate.measured import MeasuredRun
from pipeline.simulate.replica_settings import ReplicaSettings
from pipeline.simulate.steps.fitted import FittedSteps
from pipeline.simulate.steps.source import EngineTimes
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status
from tests.simulate.clocked_engine import ClockedEngine

LAW = StepLaw(step_s=0.02, decode_s=1e-3, prefill_s=5e-4, adapter_s=2e-3, rank_s=1e-4)
TIMES = EngineTimes(LAW, 0.05, "")
RANKS = (8, 16, 8, 16)
RANK_MB = 6144e-6
"""Of the embedded model, with one target of three layers."""
NOW = "2026-11-27T09:00:00+00:00"
ENVIRONMENT = {
    "machine_id": "one",
    "threads": 1,
    "hashes": {"model": "5a"},
    "cpu": {"model": "X", "family": 1, "model_number": 2, "stepping": 0, "flags": ["avx2"]},
    "memory": {"total_bytes": 2**34},
}


@pytest.fixture
def made(tmp_path, values):
    """Makes a run directory of engine=multilora that has room for so many ranks."""

    def make(name="a run", room=None, environment=ENVIRONMENT, ranks=RANKS, **engine):
        memory = None if room is None else room * RANK_MB
        config = values(
            *("engine=multilora", "model=tiny", "adapters=synthetic"),
            *(f"adapters.ranks={[*ranks]}", f"adapters.count={len(ranks)}"),
            *("adapters.targets=[q_proj]", "engine.max_batch_size=4"),
            *("engine.prefill_tokens=64", f"engine.adapter_memory_mb={memory or 'null'}"),
            *(f"engine.{key}={value}" for key, value in engine.items()),
        )
        run = RunDirectory(tmp_path / name)
        run.path.mkdir()
        run.write_config(yaml.safe_dump(config))
        run.write_json("environment.json", environment)
        serve(run, MeasuredRun.open(_finished(run)))
        return run.path

    return make


def _finished(run):
    run.write_status(Status("id", State.FINISHED, NOW, NOW, None, "VALID"))
    return run.path


def serve(run, opened):
    """Let the clocked engine serve requests at the run's limits, and keep what it did."""
    limits, ranks = opened.replica(), [*opened.ranks.values()]
    rng = np.random.default_rng(3)
    demand = Demand(
        arrives=np.cumsum(rng.exponential(0.2, 300)),
        adapters=rng.integers(0, len(ranks), 300),
        prompts=rng.integers(1, 60, 300),
        outputs=rng.integers(1, 12, 300),
    )
    engine = ClockedEngine(TIMES, ranks, limits, demand)
    _, finished = engine.run()
    counts = AdapterCounts(loads=engine.loads, load_s=engine.loads * TIMES.load_s)
    run.append(
        Iteration(0, 0.0, max(finished), {}, counts, 1.0),
        [
            RequestRecord(
                *(number, 0, [*opened.ranks][demand.adapters[number]]),
                *(int(demand.prompts[number]), float(demand.arrives[number])),
                *(float(demand.arrives[number]), 0.0, float(engine.admitted[number])),
                *(tuple(map(float, engine.tokens[number])), float(finished[number])),
                (0,) * int(demand.outputs[number]),
            )
            for number in range(300)
        ],
    )


def law_of(*runs):
    return FittedSteps(name="fitted", runs=tuple(map(str, runs)), max_error=0.2).times()


def test_the_law_is_found_again(made):
    found = law_of(made(room=32))
    for step in ((1, 0, 1, 8, 8), (4, 0, 3, 32, 16), (2, 40, 2, 24, 16)):
        assert found.law.seconds(*step) == pytest.approx(LAW.seconds(*step), rel=0.05)
    assert found.load_s == pytest.approx(TIMES.load_s)


@pytest.mark.parametrize("room", [None, 32])
def test_what_was_measured_is_simulated(made, room, capsys):
    assert main([str(made(room=room)), "--within", "0.02"]) == 0
    assert "E2E p90" in capsys.readouterr().out


def test_what_is_far_off_is_exit_code_1(made):
    run = made()
    slow = made("slow")
    rows = RunDirectory(slow).requests()
    (slow / "requests.jsonl").unlink()
    RunDirectory(slow).append(
        Iteration(0, 0.0, 1.0, {}, AdapterCounts(), 1.0),
        [
            replace(
                each,
                tokens=tuple(3 * stamp for stamp in each.tokens),
                **{name: 3 * getattr(each, name) for name in ("scheduled", "submitted")},
                **{name: 3 * getattr(each, name) for name in ("admitted", "finished")},
            )
            for each in rows
        ],
    )
    assert main([str(slow), "--law", str(run)]) == 1
    assert main([str(run), "--law", str(run), "--within", "nan"]) == 1


def test_an_adapter_that_the_engine_held_has_room_in_the_simulation():
    """Bytes are counted in ranks of average size, which must not leave one without a place."""
    engine = MultiloraSettings(name="multilora", adapter_memory_mb=16 * RANK_MB)
    run = MeasuredRun(RunDirectory(Path("none")), engine)
    vars(run)["adapters"] = [shaped("large", 16, 768), shaped("wide", 2, 8 * 768)]
    assert run.replica().adapter_ranks == 16


def shaped(name, rank, width):
    shapes = {"A": (rank, width), "B": (width, rank)}
    return SimpleNamespace(name=name, lora=SimpleNamespace(config={"r": rank}, shapes=shapes))


def test_memory_for_all_is_no_limit(made):
    assert MeasuredRun.open(made(room=10_000)).replica() == ReplicaSettings(
        max_batch_size=4, prefill_tokens=64, adapter_ranks=None
    )


@pytest.mark.parametrize(
    ("environment", "engine", "said"),
    [
        (ENVIRONMENT | {"machine_id": "two"}, {}, "another machine than"),
        (ENVIRONMENT | {"threads": 2}, {}, "another threads than"),
        (ENVIRONMENT | {"hashes": {"model": "6b"}}, {}, "another model than"),
        (ENVIRONMENT | {"backend": {"instruction_set": "AVX2"}}, {}, "another isa than"),
        (ENVIRONMENT, {"precision": "int8"}, r"another engine\.precision than"),
    ],
)
def test_one_law_is_of_one_engine_on_one_machine(made, environment, engine, said):
    one, other = made("one"), made("other", environment=environment, **engine)
    with pytest.raises(UsageError, match=said):
        law_of(one, other)
    assert law_of(one, made("the same")).law.step_s > 0


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (
            Status("id", State.FINISHED, NOW, NOW, None, "INVALID", ("starved: x",)),
            "INVALID (starv",
        ),
        (Status("id", State.FAILED, NOW, NOW, "it broke"), "FAILED (it broke)"),
        (Status("id", State.FINISHED, NOW, NOW), "NOT CHECKED ("),
    ],
)
def test_a_run_that_doesnt_count_says_nothing_of_an_engine(status, said, made):
    run = made()
    RunDirectory(run).write_status(status)
    with pytest.raises(UsageError, match=re.escape(f"{run}: is {said}")):
        law_of(run)


@pytest.mark.parametrize(
    ("counts", "said"),
    [(KvCounts(preemptions=1), "were preempted"), (KvCounts(0, 16, 64), "prefix_cache=false")],
)
def test_steps_that_didnt_compute_what_was_asked_fit_no_law(counts, said, made):
    run = RunDirectory(made())
    run.append(Iteration(1, 0.0, 1.0, {}, AdapterCounts(), 1.0, kv=counts), ())
    with pytest.raises(UsageError, match=said):
        law_of(run.path)


def test_rows_that_arent_the_trace_say_nothing_of_an_engine(made):
    run = made()
    (run / "trace.jsonl").write_text("")
    with pytest.raises(UsageError, match=r"is INVALID \(300 rows are of no request of the trace"):
        law_of(run)


def test_a_load_that_nobody_has_timed_is_not_free(made, capsys):
    idle, busy = made(), made("busy", room=32)
    assert law_of(idle).load_s is None
    assert main([str(idle)]) == 0
    assert main([str(busy), "--law", str(idle)]) == 2
    assert "loaded no adapter" in capsys.readouterr().err
