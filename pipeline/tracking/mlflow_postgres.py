"""MLflow's tables in PostgreSQL: made once, by one process, and of the schema this MLflow needs.

MLflow makes them wherever it finds none; two processes that do so at the same time break each
other's work, so here they queue for an advisory lock, which the server takes back when its holder
dies. Modules are imported inside the functions, as that takes seconds.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.tracking.mlflow_damage import DatabaseUnusable
from pipeline.tracking.optional import PSYCOPG, demand

if TYPE_CHECKING:
    from sqlalchemy import Connection

LOCK = 0x6D756C7469
"""Key of the advisory lock: any number, but the same in every process."""

PATIENCE_S = 120
"""How long another process may take to make the tables."""

STATEMENT_S = 60
"""How long the server may work on one statement, or wait for another's lock on a row."""

TCP = {
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""What libpq is told so that a host which is gone is noticed in half a minute, not in hours."""

SERVER = "postgresql"
"""What the addresses of such stores begin with; a driver may follow."""


def is_postgres(uri: str) -> bool:
    """Whether `uri` is a PostgreSQL database."""
    return uri.startswith((f"{SERVER}:", f"{SERVER}+"))


def variables(timeout_s: int, options: str = "") -> dict[str, str]:
    """What libpq is told in the environment: how long a server may stay silent.

    Args:
        timeout_s: for a connection.
        options: the user's own `PGOPTIONS`, which win.
    """
    limit = f"-c statement_timeout={STATEMENT_S * 1000}"
    return {"PGCONNECT_TIMEOUT": str(timeout_s), "PGOPTIONS": f"{limit} {options}".strip()}


def noticing(uri: str) -> str:
    """`uri` with `TCP` added to what it says to libpq; any but PostgreSQL's is left as it is."""
    from sqlalchemy import make_url

    if not is_postgres(uri):
        return uri
    url = make_url(uri)
    if not url.get_driver_name().startswith("psycopg"):
        return uri
    told = url.update_query_dict({**TCP, **url.query})
    return told.render_as_string(hide_password=False)


def prepare_postgres(uri: str) -> None:
    """Have MLflow's tables in the database at `uri`.

    Raises:
        TrackingUnavailable: the driver isn't installed.
        DatabaseUnusable: its schema isn't the one that this MLflow needs.
        SQLAlchemyError: it doesn't answer, or refuses.
    """
    if uri.startswith(f"{SERVER}:"):
        demand(PSYCOPG)
    with _connected(uri) as connection:
        if _is_ready(connection):
            return
        _queue(connection)
        if not _is_ready(connection):
            _make(uri)


@contextmanager
def _connected(uri: str) -> "Iterator[Connection]":
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    with create_engine(noticing(uri), poolclass=NullPool).connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


def _is_ready(connection: "Connection") -> bool:
    """Whether the tables are there; False where none ever were, or their making was cut off."""
    from sqlalchemy import text

    if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return False
    schema = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if schema is not None:
        _refuse_other(str(schema))
    return schema is not None


def _queue(connection: "Connection") -> None:
    """Wait for whoever makes the tables; the lock goes with the connection."""
    from sqlalchemy import text

    connection.execute(text(f"SET statement_timeout = '{PATIENCE_S}s'"))
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK})


def _make(uri: str) -> None:
    """MLflow's own way, which is whole or not at all, and the experiment it insists on."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(uri, "mlruns").engine.dispose()


def _refuse_other(schema: str) -> None:
    import mlflow
    from alembic.script import ScriptDirectory

    folder = Path(mlflow.__file__).parent / "store" / "db_migrations"
    scripts = ScriptDirectory(str(folder))
    if schema == scripts.get_current_head():
        return
    known = schema in {script.revision for script in scripts.walk_revisions()}
    raise DatabaseUnusable(
        f"its schema {schema} is older than MLflow {mlflow.__version__} needs: have it backed up, "
        "then brought up to date with `mlflow db upgrade` and its address"
        if known
        else f"its schema {schema} is of another MLflow than {mlflow.__version__}, a newer one "
        "perhaps: use that"
    )
