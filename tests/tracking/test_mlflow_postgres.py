"""Runs in a real PostgreSQL, with their files in a real S3 store: what may go wrong with both."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import mlflow
import pytest

from pipeline.errors import UsageError
from pipeline.files.documents import read_json
from pipeline.tracking.mlflow_damage import DatabaseUnusable
from pipeline.tracking.mlflow_postgres import noticing, prepare_postgres, variables
from pipeline.tracking.mlflow_view import MlflowSettings, MlflowTracker
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State
from pipeline.tracking.sync import main
from pipeline.tracking.tracker import TrackingUnavailable
from tests.tracking.postgres import Postgres
from tests.tracking.seaweed import Seaweed
from tests.waiting import until

MakeRun = Callable[..., RunDirectory]
MakeSweep = Callable[..., Path]
SettingsAt = Callable[..., MlflowSettings]

OLD = "728d730b5ebd"
"""A schema of MLflow 0.9."""


@pytest.fixture(scope="module")
def tables(postgres: Postgres) -> str:
    """A database with MLflow's tables; tests copy it."""
    prepare_postgres(postgres.database("tables"))
    return "tables"


@pytest.fixture
def uri(postgres: Postgres, tables: str, tmp_path: Path) -> str:
    """A database of this test's own, with tables."""
    return postgres.database(_named(tmp_path), tables)


@pytest.fixture
def empty(postgres: Postgres, tmp_path: Path) -> str:
    """A database of this test's own, without tables."""
    return postgres.database(_named(tmp_path))


@pytest.fixture
def settings(uri: str, tmp_path: Path, settings_at: SettingsAt) -> MlflowSettings:
    """Settings with artifacts in a folder."""
    return settings_at(uri, tmp_path)


@pytest.fixture
def restarted(postgres: Postgres) -> Iterator[Postgres]:
    """The server, which runs again when the test is over."""
    yield postgres
    if postgres.process is None:
        postgres.start()


def _named(path: Path) -> str:
    return "".join(each if each.isalnum() else "_" for each in path.name.lower())[-40:]


def shown(uri: str) -> list[Any]:
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("multi-lora")
    return list(client.search_runs([experiment.experiment_id])) if experiment else []


def test_processes_that_come_first_together_make_the_tables_once(
    empty: str, postgres: Postgres
) -> None:
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(prepare_postgres, [empty] * 3)) == [None] * 3
    name = empty.rpartition("/")[2]
    assert postgres.says("SELECT count(*) FROM alembic_version", name) == "1"
    assert postgres.says("SELECT name FROM experiments", name) == "Default"


def test_tables_half_made_are_finished(empty: str, postgres: Postgres) -> None:
    """A process killed between MLflow's first tables and its migrations leaves the former."""
    from mlflow.store.db.utils import create_sqlalchemy_engine
    from mlflow.store.tracking.dbmodels.initial_models import Base

    engine = create_sqlalchemy_engine(empty)
    Base.metadata.create_all(engine)
    engine.dispose()
    prepare_postgres(empty)
    assert postgres.says("SELECT count(*) FROM logged_models", empty.rpartition("/")[2]) == "0"


@pytest.mark.parametrize(
    ("schema", "said"), [(OLD, "is older than MLflow .*mlflow db upgrade"), ("f00", "newer one")]
)
def test_another_schema_is_refused(uri: str, postgres: Postgres, schema: str, said: str) -> None:
    postgres.says(f"UPDATE alembic_version SET version_num = '{schema}'", uri.rpartition("/")[2])
    with pytest.raises(DatabaseUnusable, match=said):
        prepare_postgres(uri)


def test_a_run_with_its_files_in_s3(
    seaweed: Seaweed, settings: MlflowSettings, make_run: MakeRun
) -> None:
    run = make_run()
    there = replace(settings, artifact_root=f"{seaweed.bucket('whole')}/team runs")
    there.tracker().project(run.path)
    [found] = shown(settings.uri)
    assert found.info.artifact_uri == f"s3://whole/team runs/{found.info.run_id}/artifacts"
    assert found.data.metrics["output_tokens_per_s"] == 6.0
    client = mlflow.MlflowClient(tracking_uri=settings.uri)
    listed = {each.path for each in client.list_artifacts(found.info.run_id)}
    assert {"config.yaml", "log.txt", "requests.json", "answers.json", "profile"} <= listed
    copy = client.download_artifacts(found.info.run_id, "requests.jsonl")
    assert Path(copy).read_bytes() == (run.path / "requests.jsonl").read_bytes()


def test_what_is_shown_already_is_left_alone(
    settings: MlflowSettings, make_sweep: MakeSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = make_sweep((State.FINISHED, State.FAILED), tracking=asdict(settings))
    assert main([str(sweep)]) == 0
    written: list[str] = []
    for name in ("create_run", "log_batch", "log_artifact", "set_tag", "set_terminated"):
        taken = lambda *_, step=name, **__: written.append(step)  # noqa: E731
        monkeypatch.setattr(mlflow.MlflowClient, name, taken)
    (sweep / "0" / "mlflow.json").unlink()
    assert main([str(sweep)]) == 0
    assert written == [] and read_json(sweep / "0" / "mlflow.json")["run_id"]
    (sweep / "1" / "log.txt").write_text("a log that has grown\n")
    main([str(sweep)])
    assert "log_artifact" in written and "create_run" not in written


def test_several_syncs_lose_and_double_nothing(
    seaweed: Seaweed, settings: MlflowSettings, tmp_path: Path, make_sweep: MakeSweep
) -> None:
    """Two on the same sweep, and one of them killed where it happens to be, then a third."""
    there = replace(settings, artifact_root=seaweed.bucket("several"))
    sweep = make_sweep((State.FINISHED,) * 6, tracking=asdict(there))
    command = [sys.executable, "-m", "pipeline.tracking.sync", str(sweep)]
    with subprocess.Popen(command) as one, subprocess.Popen(command) as other:
        until(lambda: len([*sweep.glob("*/mlflow.json")]) > 1 or other.poll() is not None)
        one.kill()
        assert other.wait() == 0
    assert main([str(sweep)]) == 0
    runs = shown(settings.uri)
    identities = [each.data.tags["pipeline.id"] for each in runs]
    assert sorted(identities) == ["id-0", "id-1", "id-2", "id-3", "id-4", "id-5", "sweep-1"]
    assert sum(each.info.status == "FINISHED" for each in runs) == 6
    history = mlflow.MlflowClient(tracking_uri=settings.uri).get_metric_history
    for each in (each for each in runs if each.data.params):
        assert len(history(each.info.run_id, "iteration/latency_s")) == 2


def test_files_of_runs_made_untracked_need_a_place(
    settings: MlflowSettings,
    make_run: MakeRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Their configuration names none, and the folder where somebody calls the command is none."""
    run, here = make_run(), tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    assert main([str(run.path), "--uri", settings.uri]) == 1
    assert "set MLFLOW_DEFAULT_ARTIFACT_ROOT" in capsys.readouterr().err
    monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", str(tmp_path / "team"))
    assert main([str(run.path), "--uri", settings.uri]) == 0
    assert (tmp_path / "team").is_dir() and not list(here.iterdir())
    monkeypatch.delenv("MLFLOW_DEFAULT_ARTIFACT_ROOT")
    assert main([str(run.path), "--uri", settings.uri]) == 0, "the experiment has its place"


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ALTER DATABASE {} SET default_transaction_read_only = on", "read-only transaction"),
        ("ALTER DATABASE {} RENAME TO {}_elsewhere", "does not exist"),
        ("ALTER DATABASE {} ALLOW_CONNECTIONS off", "not currently accepting connections"),
    ],
)
def test_a_database_that_refuses_is_one_line_and_is_caught_up_with(
    settings: MlflowSettings, postgres: Postgres, make_run: MakeRun, statement: str, said: str
) -> None:
    name = settings.uri.rpartition("/")[2]
    run = make_run()
    postgres.says(statement.format(name, name))
    with pytest.raises(TrackingUnavailable, match=said) as caught:
        settings.tracker().project(run.path)
    assert "\n" not in str(caught.value) and not run.has("mlflow.json")
    assert str(caught.value).startswith("MLflow at postgresql://127.0.0.1:")


def test_a_server_that_was_restarted_is_caught_up_with(
    settings: MlflowSettings, restarted: Postgres, make_run: MakeRun, tmp_path: Path
) -> None:
    first, second = make_run(tmp_path / "one"), make_run(tmp_path / "two")
    tracker = settings.tracker()
    tracker.project(first.path)
    restarted.stop()
    with pytest.raises(TrackingUnavailable, match="refused"):
        tracker.project(second.path)
    restarted.start()
    for each in (first, second):
        tracker.project(each.path)
    assert len(shown(settings.uri)) == 2


def test_a_server_that_is_silent_is_given_up(
    settings: MlflowSettings, restarted: Postgres, make_run: MakeRun
) -> None:
    restarted.signal(signal.SIGSTOP)
    try:
        with pytest.raises(TrackingUnavailable, match="timeout"):
            replace(settings, timeout_s=2).tracker().project(make_run().path)
    finally:
        restarted.signal(signal.SIGCONT)


def test_a_store_that_is_away_leaves_a_run_that_is_finished_later(
    seaweed: Seaweed, settings: MlflowSettings, make_run: MakeRun
) -> None:
    there = replace(settings, artifact_root=seaweed.bucket("away"))
    run = make_run()
    seaweed.kill()
    try:
        with pytest.raises(TrackingUnavailable, match=r"^artifacts at s3://away/"):
            there.tracker().project(run.path)
        assert [each.info.status for each in shown(settings.uri)] == ["RUNNING"]
    finally:
        seaweed.start()
    there.tracker().project(run.path)
    assert [each.info.status for each in shown(settings.uri)] == ["FINISHED"]


def test_a_missing_package_is_told_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch, settings_at: SettingsAt, make_run: MakeRun
) -> None:
    monkeypatch.setattr("pipeline.tracking.optional.find_spec", lambda _: None)
    server = settings_at("postgresql://lab@host/x", Path())
    bucket = MlflowSettings("mlflow", "sqlite:///x", "e", "s3://bucket/runs")
    for settings, module in ((server, "psycopg"), (bucket, "boto3")):
        with pytest.raises(UsageError, match=f"{module}, which isn't installed: pip install"):
            settings.tracker()
    with pytest.raises(TrackingUnavailable, match="pip install"):
        MlflowTracker(server).project(make_run().path)


def test_where_a_team_keeps_artifacts_is_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, settings_at: SettingsAt, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", "s3://runs/lab")
    assert settings_at("postgresql://lab@host/x", tmp_path).artifact_location() == "s3://runs/lab"
    beside = settings_at(f"sqlite:///{tmp_path}/mlflow.db", tmp_path).artifact_location()
    assert beside == str(tmp_path / "artifacts")
    assert settings_at("http://host", tmp_path).artifact_location() is None


def test_a_host_that_is_gone_is_noticed() -> None:
    told = noticing("postgresql://lab:a%40b@host/x?keepalives_idle=60")
    assert told.startswith("postgresql://lab:a%40b@host/x?") and "tcp_user_timeout=30000" in told
    assert told.count("keepalives_idle") == 1 and "keepalives_idle=60" in told
    for other in ("sqlite:///x y.db", "http://host", "postgresql+pg8000://host/x"):
        assert noticing(other) == other


def test_what_the_user_tells_libpq_wins() -> None:
    told = variables(7, "-c statement_timeout=1s -c search_path=team")
    assert told["PGCONNECT_TIMEOUT"] == "7"
    assert told["PGOPTIONS"].endswith("-c statement_timeout=1s -c search_path=team")
