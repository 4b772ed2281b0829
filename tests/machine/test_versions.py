"""The libraries that a run was measured with."""

import pytest

from pipeline.machine.versions import versions


def test_a_library_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.machine.versions.LIBRARIES", ("numpy", "no-such-library"))
    assert versions()["no-such-library"] is None
    assert versions()["numpy"]
