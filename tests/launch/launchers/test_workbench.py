"""What is sent to a node to work there: where the program isn't the same, it says so."""

import sys

import pytest

from pipeline.launch.launchers.workbench import workbench
from pipeline.places import PACKAGE


def test_another_time_s_program_is_refused_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pipeline.launch.remote", sys)
    with pytest.raises(RuntimeError, match=r"program isn't there.*install the same one") as refused:
        workbench()().carry_out({})
    assert str(PACKAGE.parent) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_no_program_at_all_is_the_same_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pipeline.launch.remote_inputs", None)
    with pytest.raises(RuntimeError, match="program isn't there"):
        workbench()().lacking({})
