"""The command line, and where the page goes."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.compare.__main__ import main
from pipeline.compare.comparison import assemble
from pipeline.errors import UsageError


def test_a_sweep_gets_its_page_and_numbers(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(sweep)]) == 0
    assert (sweep / "report.html").is_file()
    assert (sweep / "comparison.json").is_file()
    assert "peft_hotswap" in capsys.readouterr().out


@pytest.mark.parametrize("options", [[], ["--baseline", "nobody"], ["--out", "page.txt"]])
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    sweep: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    path = sweep if options else sweep / "nowhere"
    assert main([str(path), *options]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert not (sweep / "report.html").exists()


def test_the_baseline_is_the_users_choice(sweep: Path) -> None:
    chosen = assemble([sweep], baseline="multilora")
    assert chosen.arms == ("multilora", "peft_hotswap")
    ratio, inverse = chosen.overall("peft_hotswap"), assemble([sweep]).overall("multilora")
    assert ratio
    assert inverse
    assert ratio.mean == pytest.approx(1 / inverse.mean)


def test_where_the_page_goes(tmp_path: Path, make_run: Callable[..., Path], sweep: Path) -> None:
    first, second = make_run(tmp_path / "a"), make_run(tmp_path / "b", "multilora")
    assert assemble([first]).report == first / "report.html"
    assert assemble([first, second]).report == tmp_path / "report.html"
    assert assemble([first], tmp_path / "new" / "page.html").data == tmp_path / "new" / "page.json"
    with pytest.raises(UsageError, match="whole sweep"):
        assemble([sweep / "0", sweep / "3"])


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = "{'matplotlib', 'pandas', 'numpy', 'jinja2', 'torch'}"
    code = f"import sys, pipeline.compare; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_axis_is_the_first_number_varied_or_the_users_choice(sweep: Path) -> None:
    assert assemble([sweep]).axis == "workload.alpha"
    assert assemble([sweep], axis="batch_size").axis == "workload.batch_size"
    assert assemble([sweep], axis="workload.batch_size").axis == "workload.batch_size"
    assert assemble([sweep / "0"]).axis is None
    with pytest.raises(UsageError, match=r"workload\.alpha, workload\.batch_size"):
        assemble([sweep], axis="threads")


def test_another_metric_may_be_compared(sweep: Path) -> None:
    found = assemble([sweep], metric="itl_s/p50").overall("multilora")
    assert found
    assert found.mean < 1
    with pytest.raises(UsageError, match="no run has a figure"):
        assemble([sweep], metric="beauty")
