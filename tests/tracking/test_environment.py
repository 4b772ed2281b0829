"""The record of the circumstances."""

import json
import subprocess
import sys

import pytest

from pipeline.tracking.environment import environment, missing

HASHES = {"model": "a", "adapters": "b", "trace": "c"}


def test_names_the_machine_the_versions_and_the_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    record = environment(2, "why", HASHES)
    assert json.loads(json.dumps(record)) == record
    assert record["threads"] == 2
    assert record["threads_reason"] == "why"
    assert record["thread_variables"]["OMP_NUM_THREADS"] == "3"
    assert record["thread_variables"]["MKL_NUM_THREADS"] is None
    assert record["hashes"] == HASHES
    assert record["cpu"]["logical_cores"] >= len(record["cpu"]["affinity"]) >= 1
    assert record["memory"]["total_bytes"] > record["memory"]["available_bytes"] > 0
    assert record["versions"]["torch"] and record["python"].startswith("3.")
    assert missing(record) == ()


def test_missing_names_every_required_field_that_is_not_there() -> None:
    record = environment(2, "why", {"model": "a"})
    record["cpu"]["model"] = None
    record["versions"]["peft"] = None
    assert missing(record) == ("cpu.model", "versions.peft", "hashes.adapters", "hashes.trace")
    assert len(missing({})) == 8


def test_does_not_import_what_it_reports() -> None:
    code = "import sys; from pipeline.tracking.environment import *; environment(1, '', {});"
    code += "assert not {'torch', 'mlflow', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
