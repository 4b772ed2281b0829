"""MLflow's SQLite file: made, and brought up to date, as a draft, so that it is whole or not there.

MLflow's own migrations aren't: one that is interrupted, or meets another, leaves a database that no
later one can finish. Its modules are imported inside the functions, as that takes seconds.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.files.atomic import whole_file
from pipeline.tracking.lock import locked
from pipeline.tracking.mlflow_damage import DatabaseUnusable, judged, move_away

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

PATIENCE_S = 120
"""How long another process may take to make the database, or to bring it up to date."""


def prepare(uri: str, timeout_s: int) -> None:
    """Have the SQLite file at `uri` whole and of the schema this MLflow needs; else do nothing.

    One process at a time works on a draft beside it, which takes the file's place when it is
    whole. A database of an older schema stays beside the new one, named by its schema.

    Args:
        uri: MLflow's; anything but a SQLite file is left to MLflow.
        timeout_s: how long another program may keep the file locked.

    Raises:
        DatabaseUnusable: it is half made, damaged, or of a schema this MLflow doesn't know.
        TimeoutError: another process doesn't get ready with it.
        sqlite3.Error: it can't be written.
        OSError: its folder can't be made or written.
    """
    path = database_file(uri)
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.parent, PATIENCE_S), judged(path):
        if not path.exists() or not path.stat().st_size:
            _make(path)
            return
        with closing(sqlite3.connect(path, timeout=timeout_s)) as database:
            database.execute("BEGIN IMMEDIATE")  # found out now: MLflow would try for 100 seconds
            schema, wanted = _schema(database), _scripts().get_current_head()
            if schema != wanted:
                _bring_up_to_date(path, schema)


def database_file(uri: str) -> Path | None:
    """The SQLite file that `uri` names; None of a server, another database, or one in memory."""
    from sqlalchemy import make_url

    if not uri.startswith("sqlite:"):
        return None
    name = make_url(uri).database
    special = not name or name == ":memory:" or name.startswith("file:")
    return None if special else Path(str(name)).resolve()


def _make(path: Path) -> None:
    with _draft(path) as draft:
        _migrate(draft)


def _bring_up_to_date(path: Path, schema: str | None) -> None:
    _refuse_unknown(path, schema)
    before = path.with_name(f"{path.name}.{schema or 'unnamed'}")
    with _draft(path) as draft:
        _copy(path, draft)
        _migrate(draft)
        _copy(path, before)


def _copy(path: Path, to: Path) -> None:
    """By SQLite, for a file that is merely read loses this process's locks on it."""
    to.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(to)) as copy:
        source.backup(copy)


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """Lends a draft of `path`; what SQLite has beside one, or a killed process left, goes.

    The lock on the folder is held: nobody else has a draft.
    """
    _clear_drafts(path)
    try:
        with whole_file(path) as draft:
            yield draft
    finally:
        _clear_drafts(path)


def _clear_drafts(path: Path) -> None:
    for left in path.parent.glob(f".{escape(path.name)}.*"):
        left.unlink()


def _migrate(draft: Path) -> None:
    """MLflow's migrations from whatever `draft` holds, and the experiment it insists on."""
    from mlflow.db import upgrade
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    uri = f"sqlite:///{draft}"
    upgrade.callback(uri)
    SqlAlchemyStore(uri, str(draft.parent / "artifacts")).engine.dispose()


def _schema(database: sqlite3.Connection) -> str | None:
    """The revision that the database says it has; None when it says none."""
    named = "SELECT name FROM sqlite_master WHERE name = 'alembic_version'"
    if not database.execute(named).fetchall():
        return None
    found = database.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(found[0]) if found else None


def _scripts() -> "ScriptDirectory":
    import mlflow
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(Path(mlflow.__file__).parent / "store" / "db_migrations"))


def _refuse_unknown(path: Path, schema: str | None) -> None:
    import mlflow

    known = {script.revision for script in _scripts().walk_revisions()}
    if schema is not None and schema not in known:
        raise DatabaseUnusable(
            f"its schema {schema} is of another MLflow than {mlflow.__version__}, a newer one "
            f"perhaps: use that, or start anew with {move_away(path)}"
        )
