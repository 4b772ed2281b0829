"""What the tests of the command line share."""

import shlex
import sys

import pytest

from pipeline.launch.compose import compose


@pytest.fixture
def composed(tmp_path, monkeypatch):
    """Composes what is typed after `python -m pipeline`, in this process; nothing is run."""

    def composed(typed: str, *more: str):
        here = (f"paths.runs={tmp_path}/runs", "tracking=none", *more)
        monkeypatch.setattr(sys, "argv", ["pipeline", *shlex.split(typed), *here])
        return compose()

    return composed
