"""A whole run, in this process: what its directory says of fidelity."""

import hashlib
import json
from dataclasses import asdict

import pytest

from pipeline.kernels import bindings
from pipeline.launch.progress import ProgressBars
from pipeline.machine.contention import Contention
from pipeline.metrics.validity import Validity
from pipeline.run import run
from pipeline.stages import reference as stage
from pipeline.tracking.run_directory import RunDirectory

SETUP = ("+experiment=smoke", "threads=1", "tracking=none", "isolation=inline")
LATE = "dispatch lag"
"""A busy machine makes the harness late, which is no subject of these tests."""


@pytest.fixture
def ran(config, tmp_path, monkeypatch):
    monkeypatch.setattr(
        stage, "_in_its_own_process", lambda recipe, path: stage._write(stage.answer(recipe), path)
    )

    def ran(*overrides):
        directory = RunDirectory(tmp_path / "run")
        directory.path.mkdir(exist_ok=True)
        with ProgressBars(0, 1) as progress:
            result = run(config(*SETUP, *overrides), directory, progress)
        reasons = tuple(each for each in result.reasons if not each.startswith(LATE))
        return reasons, directory.json("metrics.json"), directory.json("fidelity.json")

    return ran


def test_speed_and_fidelity_stand_side_by_side(ran):
    reasons, metrics, fidelity = ran("engine=peft_hotswap")
    assert reasons == ()
    assert metrics["output_tokens_per_s"] > 0
    assert metrics["token_agreement"] == metrics["free_running_agreement"] == 1
    assert metrics["model_bytes"] == pytest.approx(4 * (3 * 786432 + 2048 * 256), rel=1e-3)
    assert fidelity["reference"]["engine"]["name"] == "merged"
    for name in fidelity["adapters"]:
        assert metrics[f"adapters/{name}/mean_kl"] == fidelity["adapters"][name]["mean_kl"]
        assert fidelity["effects"][name] > 0.1


def test_a_missed_floor_is_a_reason(ran):
    reasons, metrics, _ = ran(
        "engine=peft_hotswap", "model.quantization=nf4", "fidelity.max_kl=1e-9"
    )
    (reason,) = reasons
    assert reason.startswith("mean_kl misses fidelity.max_kl=1e-09: ")
    assert metrics["mean_kl"] > 1e-6


def test_outputs_that_end_at_a_stop_string_are_whole(ran, tmp_path):
    stop = ["e", "a", "i", "o", "t", "s"]
    reasons, _, _ = ran(f"sampling.stop=[{','.join(stop)}]", "fidelity.enabled=false")
    directory = RunDirectory(tmp_path / "run")
    directory.write_config(f"sampling: {{stop: [{', '.join(stop)}]}}")
    asked, rows = directory.asked(), directory.requests()
    assert reasons == directory.strays() == ()
    assert any(
        len(row.output_ids) < each.max_new_tokens for each, row in zip(asked, rows, strict=True)
    )
    assert not any(letter in row.text for row in rows for letter in stop)
    directory.write_config("sampling: {stop: null}")
    assert "don't have the tokens asked for" in directory.strays()[0]


def test_without_fidelity_the_run_says_so(ran, monkeypatch):
    def forbidden(*_):
        raise AssertionError("a reference was made")

    monkeypatch.setattr(stage, "_in_its_own_process", forbidden)
    reasons, metrics, fidelity = ran("fidelity.enabled=false")
    assert reasons == ()
    assert metrics["token_agreement"] == metrics["mean_kl"] == "not measured"
    assert fidelity["notes"] == ["fidelity.enabled=false"]


def test_a_replayed_trace_of_before_is_served_and_marked(config, prepared, tmp_path):
    path = tmp_path / "trace.jsonl"
    prepared("workload.iterations=1", "workload.batch_size=2").trace.write(path)
    said = json.loads(path.with_suffix(".json").read_text())
    said = {key: said[key] for key in said if key not in ("format", "notes")}
    said["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(said))
    directory = RunDirectory(tmp_path / "run")
    directory.path.mkdir()
    overrides = ("workload=replay", f"workload.path={path}", "engine=noop", "tracking=none")
    with ProgressBars(0, 1) as progress:
        result = run(config(*overrides, "fidelity.enabled=false"), directory, progress)
    assert directory.trace.read_bytes() == path.read_bytes()
    (note,) = directory.json("trace.json")["notes"]
    assert "format 1" in note and note in result.cautions


UNCHECKED = ("fidelity.enabled=false", "workload.iterations=1", "workload.warmup_iterations=0")


@pytest.mark.filterwarnings("ignore:engine=multilora computed in plain PyTorch")
@pytest.mark.parametrize("kernels", ["native", "reference"])
def test_a_run_without_a_compiler_counts_only_where_plain_pytorch_was_asked_for(
    kernels, ran, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CXX", "/nowhere/g++")
    bindings.bound.cache_clear()
    reasons, *_ = ran("engine=multilora", f"engine.kernels={kernels}", *UNCHECKED)
    bindings.bound.cache_clear()
    backend = RunDirectory(tmp_path / "run").json("environment.json")["backend"]
    assert backend["kernels"] == "reference"
    if kernels == "reference":
        assert reasons == ()
    else:
        (reason,) = reasons
        assert "/nowhere/g++ can't be run" in reason and "engine.kernels=reference" in reason
        assert backend["fallback"] == reason


@pytest.mark.parametrize("engine", ["multilora", "llama_cpp", "merged", "noop"])
def test_what_computed_is_recorded(engine, ran, tmp_path):
    reasons, *_ = ran(f"engine={engine}", *UNCHECKED)
    backend = RunDirectory(tmp_path / "run").json("environment.json")["backend"]
    kernels = {"multilora": "native", "llama_cpp": "llama.cpp", "merged": "torch", "noop": "none"}
    assert (backend["kernels"], backend["fallback"], reasons) == (kernels[engine], None, ())
    assert bool(backend["instruction_set"]) == bool(backend["built"]) == (engine != "noop")
    assert bool(backend["flags"]) == bool(backend["source"]) == (engine == "multilora")


@pytest.mark.parametrize(("used_s", "limit"), [(0.8, "min"), (5.0, "caution"), (9.0, "")])
def test_a_starved_run_is_invalid_and_a_strained_one_says_so(
    used_s, limit, config, tmp_path, monkeypatch
):
    """As a meter would read it on one thread, of which neighbours took the rest of ten seconds."""
    reading = Contention(10.0, used_s, 1000.0, 0.0, 20.0, 15.0)
    monkeypatch.setattr("pipeline.stages.replay.Meter.read", lambda _: reading)
    limits = [f"validity.{name}={value}" for name, value in asdict(Validity()).items()]
    directory = RunDirectory(tmp_path / "run")
    directory.path.mkdir()
    with ProgressBars(0, 1) as progress:
        result = run(config(*SETUP, *UNCHECKED, *limits, "engine=noop"), directory, progress)
    said = [line for line in (*result.reasons, *result.cautions) if "cpu_utilisation" in line]
    assert len(said) == bool(limit)
    assert all(f"validity.{limit}_utilisation" in line for line in said)
    assert bool(set(said) & set(result.reasons)) == (limit == "min")
    assert directory.json("metrics.json")["cpu_utilisation"] == used_s / 10
