"""What a missing ratio means, and what stands behind one of several."""

from pathlib import Path

import pytest

from pipeline.compare.comparison import Comparison, assemble
from pipeline.compare.report.cautions import cautions
from pipeline.compare.report.export import as_csv, as_markdown, document
from pipeline.compare.report.headline import headline
from pipeline.compare.report.rows import measured, rows
from pipeline.files.documents import read_json
from tests.compare.conftest import MakeSweep

ONE = {"alphas": (1.0,), "batches": (4,), "repeats": (0, 1, 2)}
"""Two engines under one condition: the baseline's jobs are even."""

SPEED = "output_tokens_per_s"


def warned(comparison: Comparison, words: str) -> list[str]:
    """The cautions that have those words."""
    return [each for each in cautions(comparison) if words in each]


def test_a_pair_that_can_not_be_divided_is_told_wherever_the_ratio_is(
    tmp_path: Path, make_sweep: MakeSweep
):
    found = assemble([make_sweep(tmp_path / "s", broken={3: {"metrics": {SPEED: 0.0}}}, **ONE)])
    ratio = found.verdicts["multilora"].ratio
    assert (ratio.pairs, ratio.undivided, ratio.paired) == (2, 1, "2 of 3")
    assert "over 2 of 3\u00a0pairs" in headline(found)
    (caution,) = warned(found, "have no ratio")
    assert caution.startswith("1 of 3 pairs of multilora and peft_hotswap")
    assert caution.endswith(f"{SPEED} is 0 or was not measured in s/3")
    assert document(found)["overall"]["multilora"]["undivided"] == 1
    assert ",2,1,faster," in as_csv(rows(found), found.columns)


def test_repeats_of_which_one_measured_nothing_are_noisy(tmp_path: Path, make_sweep: MakeSweep):
    found = assemble([make_sweep(tmp_path / "s", broken={3: {"metrics": {SPEED: 0.0}}}, **ONE)])
    (caution,) = warned(found, "varies between repeats")
    assert "in multilora" in caution


@pytest.mark.parametrize("figure", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_no_figure(tmp_path: Path, make_sweep: MakeSweep, figure: str):
    path = make_sweep(tmp_path / "s", **ONE)
    file = path / "3" / "metrics.json"
    known = read_json(file)[SPEED]
    file.write_text(file.read_text().replace(f'"{SPEED}": {known}', f'"{SPEED}": {figure}'))
    found = assemble([path])
    assert found.runs[3].number(SPEED) is None
    assert warned(found, "have no ratio")
    assert as_markdown(rows(found), (), measured(rows(found)))


def test_engines_that_were_asked_different_things_say_why_they_have_no_ratio(
    tmp_path: Path, make_sweep: MakeSweep
):
    broken = {number: {"trace": "another"} for number in (1, 3)}
    found = assemble([make_sweep(tmp_path / "s", broken=broken, **ONE)])
    assert found.verdicts["multilora"].ratio.pairs == 1
    (caution,) = warned(found, "asked something else")
    assert "in 2 of 3 pairs" in caution
    (caution,) = warned(found, "repeats were asked different things")
    assert "multilora, alpha 1, batch 4" in caution


def test_overall_ratios_over_different_conditions_are_not_held_together_unsaid(
    tmp_path: Path, make_sweep: MakeSweep
):
    sweep = {"engines": ("peft_hotswap", "merged", "multilora"), "batches": (4,)}
    sweep |= {"alphas": (0.0, 2.0), "repeats": (0, 1, 2)}
    whole = assemble([make_sweep(tmp_path / "whole", **sweep)])
    assert not warned(whole, "weigh")
    found = assemble([make_sweep(tmp_path / "s", broken={5: {"reasons": ("starved",)}}, **sweep)])
    (caution,) = warned(found, "don't weigh all conditions alike")
    assert "of 3 pairs there are only 2 in multilora, alpha 2, batch 4" in caution


def test_sweeps_of_one_name_are_told_apart_by_their_folders(tmp_path: Path, make_sweep: MakeSweep):
    places = [(tmp_path / "old" / "s", (0, 1)), (tmp_path / "new" / "s", (1, 2))]
    shape = {"engines": ("merged",), "alphas": (1.0,), "batches": (4,)}
    paths = [make_sweep(path, repeats=repeats, **shape) for path, repeats in places]
    found = assemble(paths, tmp_path / "page.html")
    assert found.arms == ("merged @ old/s", "merged @ new/s")
    assert [run.repeat for run in found.of("merged @ new/s")] == [1, 2]


def test_pasted_ratios_say_how_sure_they_are(tmp_path: Path, make_sweep: MakeSweep):
    same = {n: {"metrics": {SPEED: 100.0 + n % 3}} for n in range(6)}
    found = assemble([make_sweep(tmp_path / "s", broken=same, **ONE)])
    verdict = found.verdicts["multilora"]
    low, high = verdict.ratio.interval or (0, 0)
    text = as_markdown(rows(found), (), measured(rows(found)))
    assert f"{verdict.ratio.mean:.2f} ({low:.2f}–{high:.2f}), {verdict.wording}" in text
    single = make_sweep(tmp_path / "t", engines=("peft_hotswap", "multilora"), alphas=(1.0,))
    assert "one repeat: no interval" in as_markdown(rows(assemble([single])), (), ())
