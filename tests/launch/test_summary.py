"""What the terminal says of a run that has ended."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.launch.summary import print_summary
from pipeline.metrics.timeline import Iteration, RequestRecord
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status

ADAPTERS = ("pirate", "haiku", "json", "lawyer", "nurse", "a name that is as long as an adapter's")
SAID = "[red]Ahoy[/red] \x1b[31m\nand so on, and so on, and so on, and so on, and so on"


@pytest.fixture
def finished(tmp_path: Path) -> RunDirectory:
    """A run that served each adapter twice."""
    run = RunDirectory(tmp_path / "run")
    times = "2026-11-24T12:00:00+00:00"
    run.path.mkdir()
    run.write_json("metrics.json", {"output_tokens_per_s": 12.5})
    requests = [
        RequestRecord(n, 0, adapter, 3, 0.0, 0.0, 0.0, 0.0, (1.0,), 1.0, (1,), f"{SAID} {n}")
        for n, adapter in enumerate(2 * ADAPTERS)
    ]
    run.append(Iteration(0, 0.0, 1.0, {}, AdapterCounts(), 1.0), requests)
    run.trace.write_text(
        "".join(f'{{"id": {n}, "prompt": "Who are you, {n}?"}}\n' for n in range(12))
    )
    run.write_status(Status("id", State.FINISHED, times, times, validity="VALID"))
    return run


def printed(run: RunDirectory, width: int) -> list[str]:
    """The lines of a terminal of that width."""
    console = Console(width=width, record=True, file=StringIO())
    print_summary(run, console)
    return console.export_text().splitlines()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_few_adapters_are_heard_in_a_line_each(finished: RunDirectory, width: int) -> None:
    lines = printed(finished, width)
    start = next(place for place, line in enumerate(lines) if line.startswith("adapter "))
    table = lines[start : start + 5]
    assert [line.split()[0] for line in table[1:]] == list(ADAPTERS[:4])
    assert max(map(len, table)) <= width
    assert "VALID" in lines[start + 5]
    assert "\x1b" not in "".join(lines)
    if width == 200:
        assert "Who are you, 0?" in table[1]
        assert r"[red]Ahoy[/red] \x1b[31m\nand so on" in table[1]


def test_ids_alone_say_nothing(finished: RunDirectory) -> None:
    rows = finished.path / "requests.jsonl"
    rows.write_text("")
    assert not any("answered" in line for line in printed(finished, 80))
