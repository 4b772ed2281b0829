"""Experiments and engines outside the package, as the documentation shows them."""

import sys
from pathlib import Path

from pipeline.__main__ import main
from pipeline.tracking.run_directory import RunDirectory

ROOT = Path(__file__).parents[1]


def test_an_engine_and_an_experiment_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    own = ("--config-dir", "docs/examples/parrot", "+experiment=parrot", "engine.pause_s=0.001")
    here = (f"paths.runs={tmp_path}", f"hydra.run.dir={tmp_path}/run", "isolation=inline")
    usual = ("threads=1", "tracking=none", "workload.iterations=2")
    monkeypatch.setattr(sys, "argv", ["pipeline", *own, *here, *usual])
    assert main() == 0
    run = RunDirectory(tmp_path / "run")
    assert run.config()["engine"]["pause_s"] == 0.001
    metrics = run.json("metrics.json")
    assert metrics["decode_tokens_per_s"] > 0
