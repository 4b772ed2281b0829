"""Every stored aggregate is what the raw rows give."""

import json
import shutil

import pytest
import yaml

from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.launch.progress import ProgressBars
from pipeline.metrics.findings import NAMES
from pipeline.metrics.slo import met
from pipeline.metrics.timeline import Iteration, RequestRecord
from pipeline.run import run
from pipeline.tracking.recompute import differences, main, recompute
from pipeline.tracking.run_directory import RunDirectory

OWN = {"model_bytes", "kv_bytes", "adapter_bytes", "stage_clock_overhead"}
"""Not functions of the rows: read from the engine, or from a replay of their own."""


@pytest.fixture(params=["batch", "poisson"])
def ran(request, values, config, tmp_path):
    """A real run of the embedded model, with limits that some requests miss."""
    overrides = (
        *("+experiment=smoke", "workload.requests=16", "workload.rate=200", "slo.ttft=0.02"),
        *(f"workload/arrivals={request.param}", "fidelity.enabled=false", "adapters.count=8"),
    )
    directory = RunDirectory(tmp_path / "run")
    directory.path.mkdir()
    directory.write_config(yaml.safe_dump(values(*overrides)))
    with ProgressBars(0, 1) as progress:
        run(config(*overrides), directory, progress)
    return directory


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run without an engine's figures: what `recompute` needs, made once."""
    directory = RunDirectory(tmp_path_factory.mktemp("finished"))
    rows = [RequestRecord(0, 0, "a", 3, 0.0, 0.0, 0.0, 0.1, (0.2, 0.4), 0.5, (1, 2), "ab")]
    directory.append(Iteration(0, 0.0, 1.0, {"decode": 1.0}, AdapterCounts(), 0.5), rows)
    directory.write_config("slo: {ttft: null, tpot: null, e2e: null}")
    directory.write_json("environment.json", {"threads": 1})
    directory.write_json("metrics.json", {"load_s": 1.0, "warmup_s": 1.0, "peak_rss_bytes": 1})
    directory.write_json("metrics.json", recompute(directory))
    return directory


def test_every_aggregate_is_what_the_rows_give(ran, capsys):
    stored, again = dict(ran.json("metrics.json")), recompute(ran)
    assert differences(again, stored) == []
    assert stored.keys() - again.keys() == {*OWN, *NAMES}
    assert {"ttft_s/p50", "goodput_rps", "harness_share", "jain_index/adapters"} <= set(again)
    assert main([str(ran.path)]) == 0
    assert f"{len(again)} metrics recomputed, 0 differ" in capsys.readouterr().out


def test_a_few_by_hand(ran, config):
    rows, stored = ran.requests(), ran.json("metrics.json")
    wall = sum(each.ended - each.started for each in ran.iterations())
    assert stored["output_tokens_per_s"] == sum(len(row.output_ids) for row in rows) / wall
    ttft = sorted(row.tokens[0] - row.scheduled for row in rows)
    middle = (ttft[(len(ttft) - 1) // 2] + ttft[len(ttft) // 2]) / 2
    assert stored["ttft_s/p50"] == pytest.approx(middle)
    slo = config("slo.ttft=0.02").slo
    assert stored["slo_attainment"] == sum(met(row, slo) for row in rows) / len(rows)


@pytest.mark.parametrize(
    ("arrivals", "run_in", "left_out"),
    [
        ("batch", "requests=4", 4),
        ("concurrency", "requests=5", 5),
        ("poisson", "seconds=0.04", None),
    ],
)
def test_a_run_in_stays_in_the_files_alone(arrivals, run_in, left_out, values, config, tmp_path):
    overrides = (
        *("+experiment=smoke", "engine=noop", "fidelity.enabled=false", "workload.requests=24"),
        *("workload.rate=200", f"workload/arrivals={arrivals}", f"workload.run_in.{run_in}"),
        *("workload.batch_size=4", "workload.iterations=6"),
    )
    directory = RunDirectory(tmp_path / "run")
    directory.path.mkdir()
    directory.write_config(yaml.safe_dump(values(*overrides)))
    with ProgressBars(0, 1) as progress:
        run(config(*overrides), directory, progress)
    stored, counted = directory.json("metrics.json"), directory.measured()
    assert differences(recompute(directory), stored) == []
    early = [row for row in directory.requests() if row.run_in]
    assert len(directory.requests()) == 24 and len(early) == stored["run_in_requests"]
    assert 0 < len(early) < 24 and left_out in (None, len(early))
    assert stored["requests"] == len(counted) == 24 - len(early)
    stretches = directory.iterations()
    assert stored["wall_s"] == sum(each.wall_s for each in stretches if not each.run_in)
    assert stored["run_in_s"] == sum(each.wall_s for each in stretches if each.run_in) > 0
    stages = sum(value for name, value in stored.items() if name.startswith("stage_seconds/"))
    assert stages == pytest.approx(stored["wall_s"], rel=0.01)


def test_a_changed_number_is_named(ran, capsys):
    metrics = dict(ran.json("metrics.json"))
    ran.write_json("metrics.json", metrics | {"ttft_s/mean": 42.0})
    assert main([str(ran.path)]) == 1
    assert "ttft_s/mean: stored 42.0, recomputed " in capsys.readouterr().out


def test_a_changed_row_is_found(ran):
    path = ran.path / "requests.jsonl"
    first, *rest = path.read_text().splitlines()
    row = json.loads(first)
    changed = json.dumps(row | {"finished": row["finished"] + 1.0})
    path.write_text("\n".join([changed, *rest]) + "\n")
    stored = ran.json("metrics.json")
    assert any(each.startswith("e2e_s/mean") for each in differences(recompute(ran), stored))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("requests.jsonl", b'{"id": \n'),
        ("iterations.jsonl", b"\xff\xfe\n"),
        ("metrics.json", b"[]"),
        ("config.yaml", b"engine: {"),
        ("environment.json", b"{}"),
        ("fidelity.json", b"{"),
        ("fidelity.json", None),
    ],
)
def test_a_damaged_file_is_named_and_the_others_are_recomputed(
    finished, tmp_path, capsys, name, content
):
    damaged = tmp_path / "damaged"
    shutil.copytree(finished.path, damaged)
    (damaged / name).unlink(missing_ok=True)
    (damaged / name).mkdir() if content is None else (damaged / name).write_bytes(content)
    assert main([str(damaged), str(finished.path)]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(str(damaged)) and "can't be read" in first
    assert name in first or name == "environment.json"
    assert second.endswith("0 differ")


def test_a_folder_without_a_run_is_said_to_be_none(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "no run with requests.jsonl" in capsys.readouterr().err


def test_what_was_served_is_judged_again_from_the_rows(values, config, tmp_path):
    """A row that is changed on disk changes the share, so it isn't merely copied."""
    overrides = ("+experiment=smoke", "adapters.count=2", "engine.precision=int4")
    directory = RunDirectory(tmp_path / "run")
    directory.path.mkdir()
    directory.write_config(yaml.safe_dump(values(*overrides)))
    with ProgressBars(0, 1) as progress:
        run(config(*overrides), directory, progress)
    stored, found = dict(directory.json("metrics.json")), recompute(directory)
    names = {name for name in stored if name.endswith("served_agreement")}
    assert len(names) == 3
    assert names <= found.keys()
    assert differences(found, stored) == []
    path = directory.path / "requests.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        row["output_ids"][-1] += 1
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert recompute(directory)["served_agreement"] < stored["served_agreement"]
