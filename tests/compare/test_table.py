"""The terminal's view."""

import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.compare.columns import significant
from pipeline.compare.comparison import assemble
from pipeline.compare.rows import ranges, rows
from pipeline.compare.table import print_table


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
