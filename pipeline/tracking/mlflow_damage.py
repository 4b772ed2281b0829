"""What is wrong with a database, told from what is wrong around it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import causes

CIRCUMSTANCES = (
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
)
"""Primary codes of errors that say nothing of what the database holds."""


class DatabaseUnusable(Exception):
    """What stands there can't be used or finished; the message says what to move away."""


@contextmanager
def judged(path: Path) -> Iterator[None]:
    """Raise as `DatabaseUnusable` what goes wrong inside by what the database at `path` holds."""
    try:
        yield
    except DatabaseUnusable:
        raise
    except Exception as error:
        found = cause(error)
        if _of_circumstances(found):
            raise
        reason = " ".join(str(found).split())[:200]
        raise DatabaseUnusable(
            f"the database is damaged, or its making was interrupted ({reason}): {move_away(path)}"
        ) from error


def move_away(path: Path) -> str:
    """What to do where the database can't be used."""
    return (
        f"mv '{path}' '{path}.broken', then bring the runs in again with "
        "python -m pipeline.tracking.sync runs"
    )


def cause(error: BaseException) -> BaseException:
    """The innermost error of SQLite or of the system beneath `error`, else itself."""
    own = OSError | sqlite3.Error | MemoryError
    return [error, *(each for each in causes(error) if isinstance(each, own))][-1]


def _of_circumstances(found: BaseException) -> bool:
    if isinstance(found, sqlite3.Error):
        return (getattr(found, "sqlite_errorcode", 0) & 0xFF) in CIRCUMSTANCES
    return isinstance(found, OSError | MemoryError | ImportError)
