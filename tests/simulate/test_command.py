import json

import pytest

from pipeline.simulate.__main__ import main

SMALL = ("workload.requests=300", "workload.per_replica=10", "halvings=3", "replicas=[2,4]")


def test_rows_and_pictures(tmp_path, capsys):
    out = tmp_path / "a folder"
    routings = "routing=[random,bounded_affinity]"
    assert main([*SMALL, routings, "adapters_per_replica=[3,20]", f"out={out}"]) == 0
    rows = json.loads((out / "simulation.json").read_text())
    assert [(row["replicas"], row["adapters"]) for row in rows[::2]] == [
        *((2, 6), (2, 40), (4, 12), (4, 80))
    ]
    for row in rows:
        assert 0 <= row["capacity"] < row["beyond"]
        assert 0 <= row["hit_rate"] <= 1 and row["busiest"] >= 1
    assert {path.name for path in out.glob("*.svg")} == {
        *("capacity_3.svg", "capacity_20.svg", "hit_rate_3.svg", "hit_rate_20.svg")
    }
    printed = capsys.readouterr().out
    assert "bounded_affinity" in printed and "…" not in printed


def test_the_same_again(tmp_path):
    for name in ("one", "two"):
        assert main([*SMALL, f"out={tmp_path / name}"]) == 0
    one, two = ((tmp_path / name / "simulation.json").read_bytes() for name in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("wrong", ["replicas=[x]", "slo.ttft=0", "workload.rate=-1", "a b"])
def test_what_is_wrong_is_a_line_and_exit_code_2(wrong, capsys):
    assert main([wrong]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_limit_that_nothing_keeps_is_said(tmp_path, capsys):
    assert main([*SMALL, "slo.ttft=1e-6", "routing=[random]", f"out={tmp_path}"]) == 0
    assert "<" in capsys.readouterr().out
    rows = json.loads((tmp_path / "simulation.json").read_text())
    assert {row["capacity"] for row in rows} == {0.0}


def test_a_place_that_cannot_be_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main([*SMALL, f"out={tmp_path / 'file' / 'x'}"]) == 2
    assert "name another folder" in capsys.readouterr().err
