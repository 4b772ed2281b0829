"""A job's log: what this process says while it runs the job, and nothing before or after."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@contextmanager
def job_log(path: Path) -> Iterator[None]:
    """All that is logged or warned of goes to the end of a file, and there alone.

    Then logging is as before: a job that has ended is shown to others by its files, which must
    not change any more. A closed handler would open its file again for whatever comes next.
    """
    root = logging.getLogger()
    handlers, level, raising = root.handlers, root.level, logging.raiseExceptions
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter(FORMAT))
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # A log that has no room must not hide why the job failed.
    try:
        yield
    finally:
        root.handlers = handlers
        root.setLevel(level)
        logging.captureWarnings(False)
        logging.raiseExceptions = raising
        handler.close()
