"""A whole run, in this process: what its directory says of fidelity."""

import pytest

from pipeline.progress import Progress
from pipeline.run import run
from pipeline.stages import reference as stage
from pipeline.tracking.run_directory import RunDirectory

SETUP = ("+experiment=smoke", "threads=1", "tracking=none", "isolation=inline")


@pytest.fixture
def ran(config, tmp_path, monkeypatch):
    monkeypatch.setattr(
        stage, "_in_its_own_process", lambda recipe, path: stage._write(stage.answer(recipe), path)
    )

    def ran(*overrides):
        directory = RunDirectory(tmp_path / "run")
        directory.path.mkdir(exist_ok=True)
        with Progress(0, 1, "test") as progress:
            result = run(config(*SETUP, *overrides), directory, progress)
        return result.reasons, directory.json("metrics.json"), directory.json("fidelity.json")

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


def test_without_fidelity_the_run_says_so(ran, monkeypatch):
    def forbidden(*_):
        raise AssertionError("a reference was made")

    monkeypatch.setattr(stage, "_in_its_own_process", forbidden)
    reasons, metrics, fidelity = ran("fidelity.enabled=false")
    assert reasons == ()
    assert metrics["token_agreement"] == metrics["mean_kl"] == "not measured"
    assert fidelity["notes"] == ["fidelity.enabled=false"]
