"""Sweeps that stop when their intervals are narrow: how often those hold the truth all the same."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.compare.comparison import assemble
from pipeline.compare.coverage import WORLDS, main, stopped
from pipeline.compare.report.cautions import cautions
from pipeline.compare.report.export import document
from pipeline.compare.report.provenance import provenance
from pipeline.metrics.until import Until

DEFAULT = next(iter(WORLDS.values()))
MakeRun = Callable[..., Path]


def test_five_engines_that_are_one_are_seldom_told_apart() -> None:
    repeats, found = stopped(DEFAULT, Until(half_width=0.06), 150)
    assert 5 < repeats < 20
    assert found.held >= 0.9
    assert found.false <= 0.1


def test_the_table_of_sweeps_that_grow(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--sweeps", "1", "--half-width", "0.5"]) == 0
    printed = capsys.readouterr().out
    assert "repeats were added until every interval reached \u00b150" in printed
    with pytest.raises(SystemExit):
        main(["--half-width", "3"])


def test_a_report_has_the_rule_and_says_where_it_was_not_met(
    tmp_path: Path, make_run: MakeRun
) -> None:
    until = {"until": {"half_width": 0.001, "max_repeats": 3}}
    for repeat in range(3):
        for engine in ("merged", "multilora"):
            make_run(tmp_path / f"{engine}{repeat}", engine, repeat=repeat, settings=until)
    comparison = assemble([tmp_path])
    (rule,) = dict(provenance(comparison))["Stopping rule"]
    assert rule.startswith("repeats were added until every interval reached \u00b10.1")
    assert document(comparison)["until"] == [rule]
    (said,) = [each for each in cautions(comparison) if "until.half_width=0.001" in each]
    assert "a higher until.max_repeats" in said
