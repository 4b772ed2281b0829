"""A sweep's jobs, several at a time: while one waits for a server, others go on."""

from collections.abc import Callable
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pipeline.files.documents import read_json
from pipeline.tracking.mlflow_experiment import MlflowExperiment
from pipeline.tracking.mlflow_projector import MlflowProjector
from pipeline.tracking.status import State
from pipeline.tracking.tracker import RunUnreadable, TrackingUnavailable

MakeSweep = Callable[..., Path]

WAITS_S = 60.0


class Experiment:
    """Shows a job only when so many are to be shown."""

    id = "1"

    def __init__(self, jobs: int) -> None:
        self.together = Barrier(jobs)

    def find_or_make(self, *_: Any) -> Any:
        return SimpleNamespace(info=SimpleNamespace(run_id="parent"))

    def show(self, _: Any, directory: Path, *, parent: Any = None, **__: Any) -> str:
        if parent:
            self.together.wait(WAITS_S)
        return f"run of {directory.name}"


class Away(Experiment):
    """Shows nothing."""

    def show(self, *_: Any, **__: Any) -> str:
        raise TrackingUnavailable("MLflow is away")


def projector(experiment: Experiment, abreast: int) -> MlflowProjector:
    return MlflowProjector(cast("MlflowExperiment", experiment), "http://x", None, {}, abreast)


def test_jobs_are_shown_at_a_time_and_damage_costs_no_other(make_sweep: MakeSweep) -> None:
    sweep = make_sweep((State.FINISHED,) * 4)
    (sweep / "1" / "config.yaml").write_bytes(b'{"id": \n')
    with pytest.raises(RunUnreadable, match=f"^{sweep}/1/config.yaml"):
        projector(Experiment(3), abreast=3).project_sweep(sweep)
    shown = {each.parent.name: read_json(each)["run_id"] for each in sweep.glob("*/mlflow.json")}
    assert shown == {"0": "run of 0", "2": "run of 2", "3": "run of 3"}
    assert read_json(sweep / "mlflow.json")["run_id"] == "run of sweep"


def test_a_server_that_is_away_ends_all(make_sweep: MakeSweep) -> None:
    sweep = make_sweep((State.FINISHED,) * 4)
    with pytest.raises(TrackingUnavailable, match=r"^MLflow is away$"):
        projector(Away(1), abreast=2).project_sweep(sweep)
    assert not list(sweep.rglob("mlflow.json"))
