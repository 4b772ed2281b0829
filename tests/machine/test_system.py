"""Which machine this is, without giving its id away."""

from pathlib import Path

from pipeline.machine.system import machine_id, system


def test_machines_of_one_host_name_are_told_apart_by_a_hash_of_their_ids(tmp_path: Path) -> None:
    one, other, empty = tmp_path / "one", tmp_path / "other", tmp_path / "empty"
    one.write_text("3d1219c7c4c5404aaa1f6d2a48adfda4\n")
    other.write_text("3d1219c7c4c5404aaa1f6d2a48adfda5\n")
    empty.touch()
    assert machine_id(one) == machine_id(one)
    assert machine_id(one) != machine_id(other)
    assert "3d1219c7" not in str(machine_id(one))
    assert machine_id(empty) is None and machine_id(tmp_path / "absent") is None
    assert system()["hostname"]
