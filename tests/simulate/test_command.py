import json

import pytest

from pipeline.simulate.__main__ import main

SMALL = ("workload.requests=300", "workload.per_replica=10", "precision=0.2")
FLEETS = ("replicas=[2,4]", "adapters_per_replica=[3,20]")
NOTHING = ("slo.ttft=1e-6", "routing=[random]")


def test_rows_and_pictures(tmp_path, capsys):
    out = tmp_path / "a folder"
    routings = "routing=[random,bounded_affinity]"
    assert main([*SMALL, routings, *FLEETS, "repeats=2", f"out={out}"]) == 0
    rows = json.loads((out / "simulation.json").read_text())
    assert [(row["replicas"], row["adapters"]) for row in rows[::2]] == [
        *((2, 6), (2, 40), (4, 12), (4, 80))
    ]
    for row in rows:
        low, high = row["interval"]
        assert 0 < low <= row["capacity"] <= high
        assert len(row["repeats"]) == 2
        for each in row["repeats"]:
            assert each["capacity"] < each["beyond"] <= each["capacity"] * 1.2
            assert 0 <= each["hit_rate"] <= 1 and each["busiest"] >= 1
    assert {path.name for path in out.glob("*.svg")} == {
        *("capacity_3.svg", "capacity_20.svg", "hit_rate_3.svg", "hit_rate_20.svg")
    }
    printed = capsys.readouterr().out
    assert "bounded_affinity" in printed and "…" not in printed


def test_the_same_again(tmp_path):
    for name in ("one", "two"):
        assert main([*SMALL, "replicas=[4]", "repeats=1", f"out={tmp_path / name}"]) == 0
    one, two = ((tmp_path / name / "simulation.json").read_bytes() for name in ("one", "two"))
    assert one == two


@pytest.mark.parametrize(
    "wrong", ["replicas=[x]", "slo.ttft=0", "workload.rate=-1", "repeats=0", "a b"]
)
def test_what_is_wrong_is_a_line_and_exit_code_2(wrong, capsys):
    assert main([wrong]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_limit_that_nothing_keeps_is_said(tmp_path, capsys):
    assert main([*SMALL, *NOTHING, "replicas=[2]", "repeats=2", f"out={tmp_path}"]) == 0
    assert "<" in capsys.readouterr().out
    rows = json.loads((tmp_path / "simulation.json").read_text())
    assert {(row["capacity"], row["interval"]) for row in rows} == {(0.0, None)}


def test_one_repeat_has_no_interval(tmp_path):
    assert main([*SMALL, "replicas=[2]", "repeats=1", "routing=[random]", f"out={tmp_path}"]) == 0
    rows = json.loads((tmp_path / "simulation.json").read_text())
    assert all(row["capacity"] > 0 and row["interval"] is None for row in rows)


def test_simulations_that_start_together_have_folders_of_their_own(tmp_path):
    own = (*SMALL, "replicas=[2]", "repeats=1", "routing=[random]", f"paths.runs={tmp_path}")
    assert [main([*own]) for _ in range(2)] == [0, 0]
    assert len([*tmp_path.glob("*_simulation/simulation.json")]) == 2


def test_a_place_that_cannot_be_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main([*SMALL, f"out={tmp_path / 'file' / 'x'}"]) == 2
    assert "name another folder" in capsys.readouterr().err
