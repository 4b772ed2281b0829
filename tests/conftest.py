"""What the tests share: composing configurations, and the embedded model."""

import os
import signal
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from pipeline import places
from pipeline.config.load import load, resolve
from pipeline.config.run_config import RunConfig
from pipeline.gguf.packaged import PackagedModel
from pipeline.models.checkpoint import Checkpoint
from pipeline.stages.prepare import Prepared, prepare

ROOT = Path(__file__).parents[1]
LIMITS = ("min_utilisation", "caution_utilisation", "max_steal", "caution_steal")
"""What a starved machine is judged by: off, for the machine at hand is no subject of a test."""

Values = Callable[..., dict[str, Any]]


NOT_OURS = (
    *("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"),
    *("MLFLOW_TRACKING_URI", "MLFLOW_RUN_CONTEXT", "MLFLOW_DEFAULT_ARTIFACT_ROOT"),
)
"""Of the environment: what a user's shell says of its terminal, and where its runs are shown."""


def pytest_configure(config: pytest.Config) -> None:
    """However the suite is started, the tests find the same."""
    for each in NOT_OURS:
        os.environ.pop(each, None)
    _heed_signals()
    if config.getoption("--hypothesis-profile") == "ci":
        _fix_examples()


def _heed_signals() -> None:
    """A shell lets what it puts behind itself ignore Ctrl-C."""
    for each, usual in {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGHUP: signal.SIG_DFL,
        signal.SIGTERM: signal.SIG_DFL,
    }.items():
        if signal.getsignal(each) is signal.SIG_IGN:
            signal.signal(each, usual)


def _fix_examples() -> None:
    """Hypothesis draws, too, numbers and words that stand in the modules that are imported.

    Which these are hangs on the tests that came before in this process, and so would the examples.
    """
    none = Constants()
    pytest.MonkeyPatch().setattr(providers, "_get_local_constants", lambda: none)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The references and GGUF files of the session: what is made once serves all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session", autouse=True)
def own_adapters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Adapters of other dialects are kept among the tests' things, not among the user's."""
    kept = tmp_path_factory.mktemp("adapters")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pipeline.adapters.adapter.user_cache", lambda: kept)
        yield


@pytest.fixture(scope="session")
def smollm2() -> Checkpoint:
    """A real model, made of its package's file once a checkout; skipped where there is none."""
    said = yaml.safe_load((ROOT / "conf" / "model" / "smollm2.yaml").read_text("utf-8"))
    if find_spec(said["package"]) is None:
        pytest.skip(f"model=smollm2 isn't installed: {said['install']}")
    del said["_target_"]
    return PackagedModel(**said | {"cache": ROOT / "runs" / ".cache"}).checkpoint()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database MLflow has migrated once, which takes seconds; tests copy it."""
    from pipeline.tracking.mlflow_store import connected

    path = tmp_path_factory.mktemp("migrated") / "mlflow.db"
    with connected(f"sqlite:///{path}", 5):
        pass
    return path


@pytest.fixture
def values(tmp_path: Path, cache: Path) -> Iterator[Values]:
    """Composes plain values from overrides; runs go into a temporary folder."""
    places.register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):

        def composed(*overrides: str) -> dict[str, Any]:
            usual = [f"paths.cache={cache}", *(f"validity.{limit}=null" for limit in LIMITS)]
            here = ("threads=1", f"paths.runs={tmp_path}/runs", f"paths.mlruns={tmp_path}/mlruns")
            return resolve(compose("config", [*usual, *overrides, *here]))

        yield composed


@pytest.fixture
def config(values: Values) -> Callable[..., RunConfig]:
    """Composes and validates a configuration from overrides."""
    return lambda *overrides: load(values(*overrides))


@pytest.fixture
def prepared(config: Callable[..., RunConfig]) -> Callable[..., Prepared]:
    """Prepares a run of the embedded model."""
    return lambda *overrides: prepare(config(*overrides))
