"""What control groups allow."""

from pathlib import Path

from pipeline.machine.cgroup import limits


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
