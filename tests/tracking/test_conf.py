"""The `tracking` group as the user meets it."""

from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from pipeline.tracking.mlflow_view import MlflowSettings, MlflowTracker
from pipeline.tracking.tracker import TrackingSettings, Untracked

CONF = Path(__file__).parents[2] / "conf" / "tracking"
FILES = sorted(CONF.glob("*.yaml"))


def load(path: Path) -> TrackingSettings:
    tree = OmegaConf.create({"paths": {"mlruns": "/a b/mlruns"}})
    tree["tracking"] = OmegaConf.load(path)
    settings: TrackingSettings = instantiate(tree.tracking)
    return settings


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_says_how_to_use_it_and_is_named_as_its_file(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert first.startswith("# python -m pipeline ") and f"tracking={path.stem}" in first
    assert OmegaConf.load(path).name == path.stem


def test_mlflow_has_database_and_artifacts_side_by_side() -> None:
    settings = load(CONF / "mlflow.yaml")
    assert isinstance(settings, MlflowSettings)
    assert settings.uri == "sqlite:////a b/mlruns/mlflow.db"
    assert settings.artifact_root == "/a b/mlruns/artifacts"
    assert isinstance(settings.tracker(), MlflowTracker)


def test_none_tracks_nothing() -> None:
    assert isinstance(load(CONF / "none.yaml").tracker(), Untracked)


def test_the_environment_names_what_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_NAME"):
        monkeypatch.delenv(name, raising=False)
    plain = load(CONF / "mlflow.yaml")
    assert isinstance(plain, MlflowSettings)
    assert (plain.experiment, plain.run_name) == ("multi-lora", None)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "of the team")
    monkeypatch.setenv("MLFLOW_RUN_NAME", "before the change")
    named = load(CONF / "mlflow.yaml")
    assert isinstance(named, MlflowSettings)
    assert (named.experiment, named.run_name) == ("of the team", "before the change")
