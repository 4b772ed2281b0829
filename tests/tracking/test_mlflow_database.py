"""A database is whole or not there, whoever makes it and whatever becomes of them."""

import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import mlflow
import pytest

from pipeline.tracking import mlflow_database
from pipeline.tracking.lock import locked
from pipeline.tracking.mlflow_damage import DatabaseUnusable
from pipeline.tracking.mlflow_database import database_file, prepare
from pipeline.tracking.mlflow_view import MlflowSettings
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.sync import main

MakeRun = Callable[..., RunDirectory]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a database is to be."""
    return tmp_path / "ml runs" / "mlflow.db"


@pytest.fixture
def quick(migrated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrations that take no seconds: the draft is replaced by a database already migrated."""
    monkeypatch.setattr(mlflow_database, "_migrate", lambda draft: shutil.copy(migrated, draft))


def schema(path: Path) -> str:
    with closing(sqlite3.connect(path)) as database:
        return str(database.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def set_back(path: Path, to: str) -> None:
    """What an interruption leaves: tables and columns of a step that isn't counted as taken."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE alembic_version SET version_num = ?", [to])
        database.commit()


@pytest.mark.usefixtures("quick")
def test_what_is_there_is_whole_and_nothing_else_is_left(path: Path, migrated: Path) -> None:
    path.parent.mkdir()
    (path.parent / ".mlflow.db.draft").write_text("half")
    (path.parent / ".mlflow.db.draft-journal").write_text("half")
    path.touch()
    prepare(f"sqlite:///{path}", 1)
    assert schema(path) == schema(migrated)
    assert [each.name for each in path.parent.iterdir()] == ["mlflow.db"]


@pytest.mark.parametrize("fatal", [KeyboardInterrupt, SystemExit, OSError])
def test_an_interruption_leaves_no_database_and_the_next_makes_it(
    path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch, fatal: type[BaseException]
) -> None:
    def interrupted(draft: Path) -> None:
        draft.write_bytes(migrated.read_bytes()[:100_000])
        raise fatal

    monkeypatch.setattr(mlflow_database, "_migrate", interrupted)
    with pytest.raises(fatal):
        prepare(f"sqlite:///{path}", 1)
    assert list(path.parent.iterdir()) == []
    monkeypatch.setattr(mlflow_database, "_migrate", lambda draft: shutil.copy(migrated, draft))
    prepare(f"sqlite:///{path}", 1)
    assert schema(path) == schema(migrated)


def test_two_first_ones_make_one(
    path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def slow(draft: Path) -> None:
        made.append(draft)
        time.sleep(0.2)
        shutil.copy(migrated, draft)

    monkeypatch.setattr(mlflow_database, "_migrate", slow)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: prepare(f"sqlite:///{path}", 1), range(4)))
    assert len(made) == 1 and schema(path) == schema(migrated)


def test_a_killed_holder_keeps_nobody_out(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        with locked(tmp_path, 1):
            os.write(writer, b"x")
            signal.pause()
    os.read(reader, 1)
    with pytest.raises(TimeoutError, match="another process"), locked(tmp_path, 0.1):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with locked(tmp_path, 1):
        assert list(tmp_path.iterdir()) == []


def test_a_half_made_database_is_named_and_left_as_it_is(
    settings: MlflowSettings, path: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an interrupted MLflow left before: every later one fails, on "already exists"."""
    set_back(path, "75868b020152")
    before, run = path.read_bytes(), make_run()
    assert main([str(run.path), "--uri", settings.uri]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "already exists" in said
    assert f"mv '{path}' '{path}.broken'" in said and "pipeline.tracking.sync" in said
    assert path.read_bytes() == before
    assert not [each for each in path.parent.iterdir() if "draft" in each.name]


def test_a_database_of_an_older_mlflow_is_brought_up_to_date_and_kept(
    settings: MlflowSettings, path: Path, make_run: MakeRun, migrated: Path
) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine

    run = make_run()
    settings.tracker().project(run.path)
    config = Config()
    scripts = Path(mlflow.__file__).parent / "store" / "db_migrations"
    config.set_main_option("script_location", str(scripts))
    engine = create_engine(settings.uri)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "-1")
    engine.dispose()
    older, of_before = schema(path), path.read_bytes()
    assert older != schema(migrated)
    prepare(settings.uri, 1)
    assert schema(path) == schema(migrated)
    kept = path.with_name(f"mlflow.db.{older}")
    assert schema(kept) == older and kept.stat().st_size == len(of_before)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM runs").fetchone() == (1,)


def test_a_schema_nobody_knows_is_not_touched(path: Path, migrated: Path) -> None:
    path.parent.mkdir()
    shutil.copy(migrated, path)
    set_back(path, "feedc0ffee")
    with pytest.raises(DatabaseUnusable, match="schema feedc0ffee is of another MLflow than"):
        prepare(f"sqlite:///{path}", 1)
    assert schema(path) == "feedc0ffee"


def test_what_is_no_database_is_to_be_moved_away(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("something else entirely" * 100)
    with pytest.raises(DatabaseUnusable, match=r"damaged.*file is not a database.*mv "):
        prepare(f"sqlite:///{path}", 1)


def test_a_full_disk_or_another_writer_is_not_the_databases_fault(
    path: Path, migrated: Path
) -> None:
    path.parent.mkdir()
    shutil.copy(migrated, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            prepare(f"sqlite:///{path}", 0)


@pytest.mark.parametrize(
    "uri", ["http://localhost:5000", "postgresql://me@host/db", "sqlite://", "sqlite:///:memory:"]
)
def test_other_stores_are_left_to_mlflow(uri: str) -> None:
    assert database_file(uri) is None
    prepare(uri, 1)


@pytest.mark.usefixtures("quick")
def test_a_link_to_a_database_stays_one(tmp_path: Path, path: Path, migrated: Path) -> None:
    link = tmp_path / "mlflow.db"
    link.symlink_to(path)
    prepare(f"sqlite:///{link}", 1)
    assert link.is_symlink() and schema(path) == schema(migrated)
