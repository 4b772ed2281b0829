"""Each plot is drawn where the data carries it, and nowhere else."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.compare.comparison import Comparison, assemble
from pipeline.compare.intervals import student
from pipeline.compare.numbers import duration
from pipeline.compare.plots.axes import ROOM, ticks
from pipeline.compare.plots.gallery import Section, gallery
from pipeline.compare.plots.pareto import front
from pipeline.compare.plots.stages import COLOURS
from pipeline.compare.plots.style import SERIES
from pipeline.files.documents import read_json
from pipeline.tracking.run_directory import RunDirectory

MakeRun = Callable[..., Path]
MakeSweep = Callable[..., Path]


def drawn(comparison: Comparison) -> dict[str, Section]:
    return {section.plot.heading: section for section in gallery(comparison)}


def edit(run: Path, config: dict[str, Any], metrics: dict[str, float]) -> None:
    """Change a run's configuration and metrics; a dotted key leads inwards."""
    directory = RunDirectory(run)
    settings = directory.config()
    for key, value in config.items():
        *groups, last = key.split(".")
        inner = settings
        for group in groups:
            inner = inner[group]
        inner[last] = value
    directory.write_config(yaml.safe_dump(settings))
    directory.write_json("metrics.json", {**directory.json("metrics.json"), **metrics})


def test_a_sweep_of_skew_and_batch_has_a_line_plot_for_each(sweep: Path) -> None:
    found = drawn(assemble([sweep]))
    for by in ("skew α", "batch size"):
        assert f"Throughput, output tokens per second, by {by}" in found
        assert f"Latency per batch, seconds, by {by}" in found
    for heading in ("Latency distributions", "Timelines of single runs", "Latency by adapter"):
        assert heading in found
    for heading in found:
        assert "Capacity" not in heading
        assert "cliff" not in heading


def test_every_figure_is_labelled_and_none_is_large(sweep: Path) -> None:
    for section in gallery(assemble([sweep])):
        assert section.figures
        assert section.plot.metrics or all(key.metric for key in section.plot.legend)
        for _, svg in section.figures:
            assert svg.startswith('<svg role="img" aria-label="')
            assert section.plot.heading.split(",")[0] in svg[:200]
            assert len(svg) < 80_000


def test_a_swept_rate_gives_capacity_curves(tmp_path: Path, make_run: MakeRun) -> None:
    for number, rate in enumerate((1.0, 2.0, 4.0)):
        run = make_run(tmp_path / f"{number}", trace=f"{rate}")
        edit(run, {"workload.rate": rate}, {"goodput_rps": min(rate, 3), "slo_attainment": 0.9})
    found = drawn(assemble([tmp_path]))
    assert "Capacity: goodput and attainment by rate" in found
    assert "Throughput, output tokens per second, by rate" in found


def test_adapters_that_do_not_fit_give_a_cliff(tmp_path: Path, make_run: MakeRun) -> None:
    for number, count in enumerate((8, 16, 32)):
        run = make_run(tmp_path / f"{number}", trace=f"{count}")
        edit(run, {"adapters.count": count}, {"adapter_hit_rate": 8 / count})
    assert "The cliff: throughput and hit rate by number of adapters" in drawn(assemble([tmp_path]))


def test_a_swept_budget_gives_a_cliff_of_its_own(tmp_path: Path, make_run: MakeRun) -> None:
    for number, resident in enumerate((2, 4, 8)):
        run = make_run(tmp_path / f"{number}")
        edit(run, {"engine.resident_adapters": resident}, {"adapter_hit_rate": resident / 8})
    found = drawn(assemble([tmp_path]))
    section = found["The cliff: throughput and hit rate by adapters kept in memory"]
    assert [key.name for key in section.plot.legend] == ["peft_hotswap"]


def test_fidelity_is_drawn_only_where_there_is_a_choice(
    tmp_path: Path, make_sweep: MakeSweep
) -> None:
    alike = make_sweep(tmp_path / "alike", ("peft_hotswap",), (1.0,), (4,))
    assert "Speed against fidelity" not in drawn(assemble([alike]))
    unlike = make_sweep(tmp_path / "unlike", ("peft_hotswap", "multilora"), (1.0,), (4,))
    assert "Speed against fidelity" in drawn(assemble([unlike]))


def test_peaks_and_rooflines_where_they_were_measured(tmp_path: Path, make_run: MakeRun) -> None:
    run = make_run(tmp_path / "run")
    assert "Peak memory, MB" not in drawn(assemble([run]))
    edit(run, {}, {"peak_rss_bytes": 6e9, "roofline_fraction": 0.75})
    found = drawn(assemble([run]))
    assert "peft_hotswap: 6000" in found["Peak memory, MB"].figures[0][1]
    assert "0.750" in found["Roofline fraction of a decode step"].figures[0][1]
    assert read_json(run / "metrics.json")["roofline_fraction"] == 0.75


points = st.tuples(st.floats(1e-7, 10), st.floats(1, 1e5))


@given(st.lists(points, min_size=1, max_size=12))
def test_the_front_holds_exactly_what_no_other_beats(all_points: list[tuple[float, float]]) -> None:
    best = front(all_points)
    beaten = {
        (nats, speed)
        for nats, speed in all_points
        for other, faster in all_points
        if other <= nats and faster >= speed and (other, faster) != (nats, speed)
    }
    assert set(best) == set(all_points) - beaten


@given(st.floats(1e-6, 1e3), st.floats(1, 1e6))
def test_an_axis_of_times_has_few_numbers_within_its_ends(low: float, factor: float) -> None:
    high = low * factor
    found = ticks(low, high)
    assert len(found) <= ROOM
    assert all(low <= each <= high for each in found)
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("value", "words"), [(0.02, "20 ms"), (1.0, "1 s"), (5e-5, "50 µs"), (30.0, "30 s")]
)
def test_times_as_people_say_them(value: float, words: str) -> None:
    assert duration(value) == words


def test_the_interval_is_students() -> None:
    low, high = student([9.0, 10.0, 11.0]) or (0, 0)
    assert low == pytest.approx(10 - 4.302653 / math.sqrt(3), abs=1e-5)
    assert high == pytest.approx(10 + 4.302653 / math.sqrt(3), abs=1e-5)
    assert student([1.0]) is None


@pytest.mark.parametrize("colour", [*SERIES, *COLOURS.values()])
@pytest.mark.parametrize("page", ["#fffffc", "#15171a"])
def test_colours_stand_out_from_both_pages(colour: str, page: str) -> None:
    """WCAG's least contrast for graphics is 3."""
    lighter, darker = sorted((luminance(colour), luminance(page)), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 2.5


def luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
