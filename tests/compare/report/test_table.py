"""The terminal's view."""

import re
from collections.abc import Callable, Sequence
from io import StringIO
from itertools import dropwhile, takewhile
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from pipeline.compare.comparison import HEADLINE_METRIC, assemble
from pipeline.compare.numbers import ranges, significant, times
from pipeline.compare.report.rows import presented, rows
from pipeline.compare.report.table import print_table


def printed(path: Path, console: Console) -> str:
    """What `print_table` prints of the runs in `path`."""
    print_table(assemble([path]), console)
    return console.export_text()


def test_the_table_shows_every_configuration_and_every_run_left_out(
    sweep: Path, console: Console
) -> None:
    text = printed(sweep, console)
    assert "9 of 12 runs are compared; 1 failed; 1 invalid; 1 never ran." in text
    assert "FAILED  sweep/1: RuntimeError: <script>alert(1)</script> [red]" in text
    assert "INVALID  sweep/8: dispatch lag p99 80 ms; 2 requests failed" in text
    assert "NEVER RAN  sweep/10" in text
    assert len(rows(assemble([sweep]))) == 12


def test_the_headline_gives_ratio_interval_and_pairs(
    tmp_path: Path, make_sweep: Callable[..., Path], console: Console
) -> None:
    sweep = make_sweep(tmp_path / "sweep", alphas=(1.0,), batches=(4,), repeats=(0, 1, 2))
    text = printed(sweep, console).replace("\u00a0", " ")
    figures = r"multilora makes \d\.\d\d × \(95 % \d\.\d\d–\d\.\d\d\) the output tokens per second"
    assert re.search(f"{figures} of peft_hotswap, over 3 pairs of runs of the same traces", text)


def test_an_undecided_ratio_says_within_what_the_arms_are_alike(
    tmp_path: Path, make_run: Callable[..., Path], console: Console
) -> None:
    for repeat, speed in enumerate((98.0, 102.0, 101.0)):
        speeds = {"a": ("merged", 100.0), "b": ("multilora", speed), "c": ("llama_cpp", 2 * speed)}
        for place, (engine, value) in speeds.items():
            path = tmp_path / f"{place}{repeat}"
            make_run(path, engine, repeat=repeat, metrics={"output_tokens_per_s": value})
    text = printed(tmp_path, console).replace("\u00a0", " ")
    assert re.search(r"multilora +0–2 +1\.00 \(3\) <5\.7 %  ", text)
    assert re.search(r"llama_cpp +0–2 +2\.01 \(3\)  ", text)
    assert "<5 %: no difference found, and one of 5 % or more would have shown." in text
    assert "multilora 1.00 × (95 % 0.95–1.06), 3 pairs, no difference found (5.7 % or more" in text


def test_noise_is_marked(tmp_path: Path, make_run: Callable[..., Path], console: Console) -> None:
    assert "⚠" in printed(make_run(tmp_path / "noisy", "merged"), console)


def test_a_narrow_terminal_drops_the_least_important_columns(sweep: Path) -> None:
    console = Console(width=84, record=True, file=StringIO())
    text = printed(sweep, console)
    assert re.search(r"Not shown for want of width: [^.]*sequences/s", text)
    assert re.search(r"output +served /", text)
    assert re.search(r"tokens/s +forced, %", text)
    table = [line for line in text.splitlines() if line.lstrip().startswith("peft_hotswap")]
    assert table
    assert max(map(len, table)) <= 84


def test_the_speed_is_the_last_column_to_go(sweep: Path) -> None:
    console = Console(width=62, record=True, file=StringIO())
    text = printed(sweep, console)
    assert re.search(r"want of width:[^.]* faithful", text)
    assert not re.search(r"want of width:[^.]* output tokens/s", text)


def at(width: int, path: Path, metric: str = HEADLINE_METRIC) -> list[str]:
    """The lines that are printed where there is so much room."""
    console = Console(width=width, record=True, file=StringIO())
    print_table(assemble([path], metric=metric), console)
    return console.export_text().splitlines()


def body(lines: Sequence[str]) -> list[str]:
    """The rows of the table: what stands below its rule, up to the first line of text."""
    below = list(dropwhile(lambda line: "───" not in line, lines))[1:]
    return [
        line for line in takewhile(lambda line: not line or line[0] == " ", below) if line.strip()
    ]


@pytest.fixture
def replays(tmp_path: Path, make_run: Callable[..., Path]) -> Path:
    """Two engines over two traces whose long paths differ in their names alone."""
    for number, trace in enumerate(("mooncake_conversation_trace", "azure_conversation_trace")):
        path = f"/home/somebody/data/traces/of/production/{trace}.jsonl"
        for engine in ("peft_hotswap", "multilora"):
            replay = {"workload": {"name": "replay", "path": path}}
            make_run(tmp_path / f"{engine}{number}", engine, settings=replay)
    return tmp_path


@pytest.mark.parametrize("width", [40, 62, 80, 120, 240])
@pytest.mark.parametrize(
    ("metric", "scale"), [(HEADLINE_METRIC, 1), ("ttft_s/p50", 1e3), ("e2e_s/p50", 1e3)]
)
def test_what_was_asked_for_stays_at_any_width_and_labels_are_cut(
    replays: Path, width: int, metric: str, scale: float
) -> None:
    figures = presented(assemble([replays], metric=metric))
    lines = body(at(width, replays, metric))
    assert max(map(len, lines)) <= width
    for row in figures:
        wanted = ((HEADLINE_METRIC, 1), (metric, scale))
        shown = {significant(factor * (row.number(name) or 0)) for name, factor in wanted}
        assert len([line for line in lines if shown <= {*line.split()}]) == 2
    assert len({*lines}) >= 4


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1.00"),
        (0.00412, "0.00412"),
        (3e-9, "<0.000001"),
        (99.5, "99.50"),
        (104.2, "104"),
        (143463.2, "143463"),
        (3e9, ">1000000"),
    ],
)
def test_ratios_have_no_exponent_and_small_ones_are_not_zero(value: float, text: str) -> None:
    assert times(value) == text


def test_small_ratios_are_told_from_zero(
    tmp_path: Path, make_run: Callable[..., Path], console: Console
) -> None:
    for engine, speed in (("merged", 1000.0), ("multilora", 4.2)):
        make_run(tmp_path / engine, engine, metrics={"output_tokens_per_s": speed})
    text = printed(tmp_path, console)
    assert re.search(r"multilora +0 +0\.00420 \(1\)", text)
    assert "multilora makes 0.00420\u00a0×" in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_unlike_runs_fit_and_are_told_apart(unlike: Path, width: int) -> None:
    lines = at(width, unlike)
    assert max(map(cell_len, body(lines))) <= width
    assert any(line.startswith("Unless said: ") for line in lines)
    assert "tokens/s" in " ".join(lines)


def test_markup_in_labels_is_text(unlike: Path, console: Console) -> None:
    assert "/data/models/<script>alert(1)</script>/[red]" in printed(unlike, console)


def test_a_terminal_that_is_none_gets_no_colours(
    unlike: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_table(assemble([unlike]), Console(width=80))
    assert "\x1b" not in capsys.readouterr().out


def test_fidelity_stands_beside_speed(sweep: Path, console: Console) -> None:
    text = printed(sweep, console)
    lines = [line.strip() for line in text.splitlines()]
    assert re.search(r"tokens/s +forced, % +nats", text)
    assert "weights" in text
    assert "peak memory" not in text
    exact = next(line for line in lines if line.startswith("peft_hotswap"))
    inexact = next(line for line in lines if line.startswith("multilora  "))
    assert re.search(r"\s100 / 100\s+<0\.000001\s.*\s4400\s", exact)
    assert re.search(r"\s100 / 98\.7\s+0\.0123\s.*\s1100\s", inexact)


def test_a_setting_that_all_rows_share_is_said_once(sweep: Path, console: Console) -> None:
    text = printed(sweep / "0", console)
    assert "Throughout: alpha 0, batch 4." in text
    assert not re.search(r"engine +alpha", text)
    assert re.search(r"engine +alpha +batch", printed(sweep, console))


def test_what_no_run_measured_has_no_column(
    tmp_path: Path, make_run: Callable[..., Path], console: Console
) -> None:
    names = ("served_agreement", "token_agreement", "mean_kl")
    unmeasured = dict.fromkeys(names, "not measured")
    text = printed(make_run(tmp_path / "run", metrics=unmeasured), console)
    assert "tokens/s" in text
    assert "Tokens equal to the reference's: peft_hotswap not checked." in text
    assert len(re.findall("not checked", text)) == 2
    assert "mean KL" not in text
    assert "want of width" not in text


def test_one_run_has_a_headline_of_its_own(
    tmp_path: Path, make_run: Callable[..., Path], console: Console
) -> None:
    text = printed(make_run(tmp_path / "run", "multilora"), console)
    assert "multilora made 1" in text
    assert "1 of 1 runs are compared." in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (14, "14"),
        (1234.5, "1234"),
        (99.96, "100"),
        (0.75, "0.750"),
        (0.01234, "0.0123"),
        (2e-13, "<0.000001"),
    ],
)
def test_three_significant_digits(value: float, text: str) -> None:
    assert significant(value) == text


def test_repeats_as_ranges() -> None:
    assert ranges([0, 1, 2, 4, 6, 7]) == "0\u20132, 4, 6\u20137"
    assert ranges([]) == ""
