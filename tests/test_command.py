"""The command line, as a user meets it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from pipeline.__main__ import main

ROOT = Path(__file__).parents[1]
TRAINED = ROOT / "pipeline" / "assets" / "tiny" / "adapters"


def here(tmp_path):
    return ("threads=1", f"paths.runs={tmp_path}/runs", f"paths.mlruns={tmp_path}/mlruns")


def pipeline(tmp_path, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments, *here(tmp_path)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=900,
    )


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Asks in this process, which has everything imported; the one line it answers."""

    def refused(*arguments):
        monkeypatch.setattr(sys, "argv", ["pipeline", *arguments, *here(tmp_path)])
        assert main() == 2
        return one_line(capsys.readouterr().err)

    return refused


def one_line(text):
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["engine=warp"], "warp"),
        (["workload.alhpa=1"], "alhpa"),
        (["workload.batch_size=0"], "batch_size"),
        (["workload.alpha=-1"], "alpha"),
        (["workload.alpha=nan"], "alpha"),
        (["workload/popularity=distinct", "workload.batch_size=9"], "distinct"),
        (["model=folder", "model.path=/nowhere/at/all"], "/nowhere/at/all"),
        (["adapters=folder", "adapters.path=/nowhere/at/all"], "/nowhere/at/all"),
        (["-m", "workload.alpha=0,-1"], "alpha"),
    ],
)
def test_a_wrong_request_is_one_line_and_exit_2(arguments, said, refused):
    assert said in refused(*arguments, "+experiment=smoke")


def test_a_model_that_cant_be_fetched_is_one_line_and_exit_2(tmp_path):
    asked = ("model=hub", "model.id=owner/model", "+experiment=smoke")
    done = pipeline(tmp_path, *asked, HF_HUB_OFFLINE="1")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "owner/model" in one_line(done.stderr)


@pytest.fixture
def adapters(tmp_path):
    shutil.copytree(TRAINED / "json", tmp_path / "loras" / "json")
    return tmp_path / "loras"


def use(adapters):
    return ("adapters=folder", f"adapters.path={adapters}")


def test_an_adapter_for_another_architecture(adapters, refused):
    line = refused("model=synthetic", *use(adapters))
    assert "made for another model" in line


def test_a_pickled_adapter(adapters, refused):
    weights = adapters / "json" / "adapter_model.safetensors"
    weights.rename(weights.with_name("adapter_model.bin"))
    assert "pickle" in refused(*use(adapters))


@pytest.mark.parametrize(
    ("fault", "said"), [("missing", "1 are missing"), ("unexpected", "nothing that PEFT saves")]
)
def test_an_adapter_with_other_tensors_than_its_config_says(fault, said, adapters, refused):
    path = adapters / "json" / "adapter_model.safetensors"
    tensors = load_file(path)
    name = next(iter(tensors))
    tensor = tensors.pop(name) if fault == "missing" else tensors[name]
    save_file(tensors | ({} if fault == "missing" else {f"{name}.extra": tensor}), path)
    assert said in refused(*use(adapters))


def test_a_run_its_replay_and_a_trace_cut_in_half(tmp_path, refused):
    done = pipeline(tmp_path, "+experiment=smoke", "tracking=none", f"hydra.run.dir={tmp_path}/a")
    assert done.returncode == 0, done.stdout + done.stderr
    for words in (
        "output tokens/s",
        "TTFT",
        "decode",
        "adapter switches",
        "VALID",
        "run directory",
    ):
        assert words in done.stdout
    trace = tmp_path / "a" / "trace.jsonl"
    replay = ("workload=replay", f"workload.path={trace}", "tracking=none", "adapters.count=2")
    again = pipeline(tmp_path, *replay, f"hydra.run.dir={tmp_path}/b")
    assert again.returncode == 0, again.stdout + again.stderr
    first, second = (tmp_path / name for name in "ab")
    assert (first / "trace.jsonl").read_bytes() == (second / "trace.jsonl").read_bytes()
    assert outputs(first) == outputs(second)
    trace.write_bytes(trace.read_bytes()[: trace.stat().st_size // 2])
    assert "cut short" in refused(*replay)


def outputs(directory):
    rows = [json.loads(line) for line in (directory / "requests.jsonl").read_text().splitlines()]
    return {row["id"]: row["output_ids"] for row in rows}


def test_help_is_a_page(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0
    for group in ("model", "adapters", "engine", "workload/popularity", "experiment"):
        assert group in done.stdout
