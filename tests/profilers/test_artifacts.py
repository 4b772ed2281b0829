"""Every profiler in turn over one real run of the embedded model: what it leaves can be opened."""

import csv
import gzip
import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pipeline.tracking.run_directory import RunDirectory

ROOT = Path(__file__).parents[2]
SETUP = ("+experiment=smoke", "engine=peft_hotswap", "profiler=all", "threads=1", "tracking=none")
OPTIONS = (
    "profiler.members.torch.shapes=true",
    "profiler.members.torch.memory=true",
    "profiler.members.py_spy.seconds=2",
)


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """The run directory of one profiled run, in a process of its own."""
    runs = tmp_path_factory.mktemp("runs")
    here = (f"paths.runs={runs}", f"hydra.run.dir={runs}/once")
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *SETUP, *OPTIONS, *here],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("https://ui.perfetto.dev", "py_spy.svg", "memray.html", "roofline fraction"):
        assert words in done.stdout
    return RunDirectory(runs / "once")


def test_every_profiler_says_something(once):
    found = once.json("profile/README.json")
    assert list(found) == ["torch", "py_spy", "memray", "perf", "roofline"]
    for name, each in found.items():
        assert each["artifacts"] or each["notes"], name
    for name in ("torch", "py_spy", "memray", "roofline"):
        assert found[name]["artifacts"], found[name]["notes"]


def test_every_artifact_is_there_and_nothing_else(once):
    found = once.json("profile/README.json")
    named = {file for each in found.values() for file in each["artifacts"]}
    assert {path.name for path in once.profile.iterdir()} == named | {"README.json"}


def test_the_trace_of_operators(once):
    with gzip.open(once.profile / "torch_trace.json.gz") as file:
        events = json.load(file)["traceEvents"]
    operators = [event for event in events if event.get("cat") == "cpu_op"]
    assert {"aten::mm", "aten::silu"} <= {event["name"] for event in operators}
    assert all(event["ph"] == "X" and event["dur"] >= 0 for event in operators)
    assert any(event["args"].get("Input Dims") for event in operators)


def test_the_table_of_operators(once):
    with (once.profile / "torch_operators.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    own = [float(row["self_cpu_us"]) for row in rows]
    assert own == sorted(own, reverse=True)
    products = [row for row in rows if row["operator"] == "aten::mm"]
    assert len({row["input_shapes"] for row in products}) == len(products) > 1
    assert all(int(row["calls"]) > 0 for row in products)


def test_the_stages_stand_among_the_operators(once):
    with gzip.open(once.profile / "torch_trace.json.gz") as file:
        events = json.load(file)["traceEvents"]
    spans = {event["name"] for event in events if event.get("cat") == "user_annotation"}
    assert {"stage/prefill", "stage/decode", "stage/adapter_switch"} <= spans
    assert not once.json("profile/README.json")["torch"]["notes"]


def test_the_stacks_in_time(once):
    found = json.loads((once.profile / "py_spy.speedscope.json").read_text())
    names = {frame["name"].rpartition(".")[2] for frame in found["shared"]["frames"]}
    assert "generate" in names
    assert any(each["samples"] for each in found["profiles"])


def test_the_flame_graph_is_an_svg(once):
    root = ElementTree.parse(once.profile / "py_spy.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    titles = [each.text or "" for each in root.iter("{http://www.w3.org/2000/svg}title")]
    assert any("generate" in title for title in titles)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.tags = 0

    def handle_starttag(self, tag, attrs):
        self.tags += 1
        wanted = {"script": "src", "link": "href", "img": "src"}.get(tag)
        self.loaded += [value or "" for name, value in attrs if name == wanted]


def test_the_memory_page_needs_no_network(once):
    page = _Links()
    page.feed((once.profile / "memray.html").read_text("utf-8"))
    assert page.tags > 20
    assert not [link for link in page.loaded if link.startswith(("http", "//"))]
    assert once.json("metrics.json")["memray/peak_bytes"] > 10_000


def test_the_roofline(once):
    found = json.loads((once.profile / "roofline.json").read_text())["decode"]
    metrics = once.json("metrics.json")
    assert metrics["roofline_fraction"] == pytest.approx(found["bound_s"] / found["step_s"])
    assert found["bound_s"] >= max(found["memory_s"], found["compute_s"]) * 0.999
    records = once.requests()
    stamps = {(each.iteration, at) for each in records for at in each.tokens[1:]}
    assert found["steps"] == len(stamps)
    spent = metrics["stage_seconds/decode"] + metrics["stage_seconds/sample"]
    assert found["step_s"] * found["steps"] == pytest.approx(spent)


def test_weights_are_counted_as_the_engine_keeps_them(once):
    """Four bytes a weight; the embedded model's embedding is its output layer too."""
    from safetensors import safe_open

    root = ROOT / "pipeline" / "assets" / "tiny" / "base"
    with safe_open(root / "model.safetensors", framework="numpy") as file:
        sizes = {name: file.get_tensor(name).size for name in file.keys()}  # noqa: SIM118
    read = 4 * sum(sizes.values())
    if "lm_head.weight" in sizes:
        read -= 4 * sizes["model.embed_tokens.weight"]
    found = json.loads((once.profile / "roofline.json").read_text())["decode"]
    assert read <= found["bytes"] <= read * 1.2


def test_the_slow_down_is_kept_apart_from_the_timing(once):
    metrics = once.json("metrics.json")
    for name in ("torch", "py_spy", "memray"):
        assert metrics[f"profiler_slowdown/{name}"] > 0
    assert "profiler_slowdown/roofline" not in metrics
    assert len(once.iterations()) == metrics["iterations"] == 2
    assert len(once.requests()) == metrics["requests"] == 4


def test_the_stage_clock_says_what_it_costs(once):
    assert 0 < once.json("metrics.json")["stage_clock_overhead"] < 1
