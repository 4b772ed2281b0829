"""The record of the circumstances."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.tracking.cgroup import limits
from pipeline.tracking.environment import environment, missing
from pipeline.tracking.git import git
from pipeline.tracking.versions import versions

HASHES = {"model": "a", "adapters": "b", "trace": "c"}


def test_names_the_machine_the_versions_and_the_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    record = environment(2, HASHES)
    assert json.loads(json.dumps(record)) == record
    assert record["threads"] == 2
    assert record["thread_variables"]["OMP_NUM_THREADS"] == "3"
    assert record["thread_variables"]["MKL_NUM_THREADS"] is None
    assert record["hashes"] == HASHES
    assert record["cpu"]["logical_cores"] >= len(record["cpu"]["affinity"]) >= 1
    assert record["memory"]["total_bytes"] > record["memory"]["available_bytes"] > 0
    assert record["versions"]["torch"] and record["python"].startswith("3.")
    assert missing(record) == ()


def test_missing_names_every_required_field_that_is_not_there() -> None:
    record = environment(2, {"model": "a"})
    record["cpu"]["model"] = None
    record["versions"]["peft"] = None
    assert missing(record) == ("cpu.model", "versions.peft", "hashes.adapters", "hashes.trace")
    assert len(missing({})) == 8


def test_does_not_import_what_it_reports() -> None:
    code = "import sys; from pipeline.tracking.environment import *; environment(1, {});"
    code += "assert not {'torch', 'mlflow', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_library_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.tracking.versions.LIBRARIES", ("numpy", "no-such-library"))
    assert versions()["no-such-library"] is None
    assert versions()["numpy"]


def test_git_says_commit_and_dirt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*command: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.hooksPath=/dev/null"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *command], check=True)

    assert git(tmp_path) == {"commit": None, "dirty": None}
    run("init", "-q")
    run("commit", "-q", "--allow-empty", "-m", "x")
    clean = git(tmp_path)
    assert len(clean["commit"]) == 40 and clean["dirty"] is False
    (tmp_path / "new").touch()
    assert git(tmp_path)["dirty"] is True
    monkeypatch.setenv("PATH", "")
    assert git(tmp_path) == {"commit": None, "dirty": None}


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_limits_of_version_2_are_the_tightest_on_the_way_up(tmp_path: Path) -> None:
    put(tmp_path / "cgroup.controllers", "cpu memory")
    put(tmp_path / "a/memory.max", "1000\n")
    put(tmp_path / "a/b/memory.max", "max\n")
    put(tmp_path / "a/b/cpu.max", "150000 100000\n")
    put(tmp_path / "self", "0::/a/b\n")
    assert limits(tmp_path, tmp_path / "self") == {"memory_bytes": 1000, "cpus": 1.5}


def test_limits_of_version_1(tmp_path: Path) -> None:
    put(tmp_path / "memory/a/memory.limit_in_bytes", "2000\n")
    put(tmp_path / "memory/memory.limit_in_bytes", "9223372036854771712\n")
    put(tmp_path / "cpu/a/cpu.cfs_quota_us", "50000\n")
    put(tmp_path / "cpu/a/cpu.cfs_period_us", "100000\n")
    put(tmp_path / "cpu/cpu.cfs_quota_us", "-1\n")
    put(tmp_path / "cpu/cpu.cfs_period_us", "100000\n")
    put(tmp_path / "self", "4:memory:/a\n1:cpu,cpuacct:/a\n0::/\n")
    assert limits(tmp_path, tmp_path / "self") == {"memory_bytes": 2000, "cpus": 0.5}


def test_no_groups_no_limits(tmp_path: Path) -> None:
    assert limits(tmp_path, tmp_path / "absent") == {"memory_bytes": None, "cpus": None}
