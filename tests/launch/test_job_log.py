"""A job's log holds what is said while the job runs; a job that has ended is left as it is."""

import logging
import warnings
from pathlib import Path

import pytest

from pipeline.launch.job_log import job_log


@pytest.mark.filterwarnings("always")
def test_it_holds_what_is_said_meanwhile_and_nothing_else(tmp_path: Path) -> None:
    log = logging.getLogger("some.library")
    log.warning("before")
    with job_log(tmp_path / "log.txt"):
        log.info("within")
        warnings.warn("of a warning", stacklevel=1)
    log.warning("after")
    written = (tmp_path / "log.txt").read_text()
    assert "INFO some.library: within" in written
    assert "of a warning" in written
    assert "before" not in written
    assert "after" not in written


def test_what_comes_between_two_jobs_is_in_neither(tmp_path: Path) -> None:
    for name in ("first", "second"):
        with job_log(tmp_path / name):
            logging.getLogger().info("of the %s", name)
        logging.getLogger().error("between")
    first, second = ((tmp_path / name).read_text() for name in ("first", "second"))
    assert "of the first" in first
    assert "of the second" in second
    assert "between" not in first + second
    assert "second" not in first


def test_logging_is_as_before_whatever_happens(tmp_path: Path) -> None:
    root, raising = logging.getLogger(), logging.raiseExceptions
    handlers, level, shown = root.handlers, root.level, warnings.showwarning
    with pytest.raises(RuntimeError), job_log(tmp_path / "log.txt"):
        raise RuntimeError
    assert (root.handlers, root.level, logging.raiseExceptions) == (handlers, level, raising)
    assert warnings.showwarning is shown
