"""A page's blocks are filled from sweeps, and the page of findings names those there are."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pipeline.compare.findings.__main__ import main
from pipeline.compare.findings.blocks import BLOCK, Block, blocks
from pipeline.errors import UsageError

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "findings.md").read_text("utf-8")
MAKE = re.search(r"^FINDINGS :=((?:.*\\\n)*.*)\n", (ROOT / "Makefile").read_text("utf-8"), re.M)
BEFORE = "# Page\n\nwords\n<!-- measured: {} -->\nold\n<!-- end -->\nmore\n"


@pytest.fixture
def sweep(tmp_path: Path, make_sweep: Callable[..., Path]) -> Path:
    """Two engines along three values of alpha, three times."""
    engines = ("llama_cpp", "multilora")
    return make_sweep(tmp_path / "runs" / "skew", engines, batches=(8,), repeats=(0, 1, 2))


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "page.md"


def test_a_block_gets_tables_with_intervals_and_a_picture(sweep: Path, page: Path) -> None:
    page.write_text(BEFORE.format(f"{sweep.name} against=llama_cpp also=mean_kl"))
    assert main([str(sweep.parent), "--page", str(page)]) == 0
    text = page.read_text()
    assert text.startswith("# Page\n\nwords\n<!-- measured:") and text.endswith(
        "<!-- end -->\nmore\n"
    )
    assert "old" not in text
    assert re.search(r"\| multilora.* \| [\d.]+ \([\d.]+–[\d.]+\) \|", text)
    assert (
        "| output tokens/s |" in text
        and "output tokens/s ÷ llama_cpp" in text
        and "÷ alpha" in text
    )
    assert (page.with_suffix("") / f"{sweep.name}.png").read_bytes()[1:4] == b"PNG"
    assert main([str(sweep.parent), "--page", str(page)]) == 0
    assert page.read_text() == text, "the same runs make the same page"


@pytest.mark.parametrize(("alphas", "tables"), [((1.0,), 1), ((0.0, 1.0), 3)])
def test_what_a_million_tokens_cost_stands_beside_the_speed_where_a_price_was_set(
    alphas: tuple[float, ...],
    tables: int,
    page: Path,
    tmp_path: Path,
    make_sweep: Callable[..., Path],
) -> None:
    """As a column under one condition, as a table of its own under several."""
    engines = ("llama_cpp", "multilora")
    sweep = make_sweep(tmp_path / "runs" / "skew", engines, alphas, (8,), (0, 1, 2))
    page.write_text(BEFORE.format("skew against=llama_cpp"))
    assert main([str(sweep.parent), "--page", str(page)]) == 0
    assert "cost" not in page.read_text()
    for path in sweep.glob("*/metrics.json"):
        metrics = json.loads(path.read_text())
        cost = 0.36 / 3600 / metrics["output_tokens_per_s"] * 1e6
        path.write_text(json.dumps(metrics | {"cost_per_million_tokens": cost}))
    assert main([str(sweep.parent), "--page", str(page)]) == 0
    text = page.read_text()
    assert len(re.findall(r"^\| ---", text, re.M)) == tables
    head = next(each for each in text.splitlines() if "cost, per million tokens" in each)
    cells = head.strip("| ").split(" | ")
    at = cells.index("cost, per million tokens") or 1
    line = text[text.index(head) :].splitlines()[3].strip("| ").split(" | ")
    assert line[0].startswith("multilora")
    assert re.fullmatch(r"0\.\d+ \(0\.\d+–0\.\d+\)", line[at]), "with its interval"


def test_a_block_without_its_sweep_stays_as_it_is(
    sweep: Path, page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page.write_text(BEFORE.format("missing") + BEFORE.format(sweep.name))
    assert main([str(sweep.parent), "--page", str(page)]) == 0
    assert page.read_text().startswith(BEFORE.format("missing"))
    assert "left as it was" in capsys.readouterr().out


@pytest.mark.parametrize("said", ["", "../up", "name what=ever", "name name against"])
def test_what_a_block_cant_say_is_refused(said: str) -> None:
    with pytest.raises(UsageError):
        blocks(BEFORE.format(said))


def test_a_block_without_an_end_and_a_second_one_of_a_name_are_refused() -> None:
    with pytest.raises(UsageError, match="no <!-- end -->"):
        blocks("<!-- measured: mine -->\n")
    with pytest.raises(UsageError, match="two blocks"):
        blocks(BEFORE.format("mine") * 2)


def test_nothing_is_written_where_no_sweep_is_there(page: Path, tmp_path: Path) -> None:
    page.write_text(BEFORE.format("missing"))
    assert main([str(tmp_path), "--page", str(page)]) == 2
    assert page.read_text() == BEFORE.format("missing")


def test_the_page_has_a_block_and_its_command_for_all_that_make_findings_measures() -> None:
    assert MAKE
    names = MAKE[1].replace("\\", "").split()
    assert [each.name for each in blocks(PAGE) if each.name in names] == names
    for name in names:
        command = f"python -m pipeline +experiment={name} hydra.sweep.dir=runs/findings/{name}\n"
        assert command in PAGE
        assert (ROOT / "conf" / "experiment" / f"{name}.yaml").is_file()


def test_what_stands_in_a_block_is_of_its_experiment() -> None:
    """A line for each of its arms, the machine, a picture, and intervals where it ran whole."""
    for held in BLOCK.finditer(PAGE):
        name, text = Block.parse(held["said"]).name, held["held"]
        if not text:
            assert "until this has run" in PAGE[: held.start()].rpartition("\n```bash")[0][-300:], (
                name
            )
            continue
        first = re.search(r"\| ---.*\n((?:\|.*\n)+)", text)
        lines = len(first[1].splitlines()) if first else 0
        assert lines + text.count("Left out: ") == len(arms_of(name)), name
        partly = re.search(r"<sub>\d+ of \d+ runs; .*cores.*; commit [0-9a-f]{12}", text)
        assert partly or re.search(r"<sub>\d+ runs; .*cores.*; commit [0-9a-f]{12}", text), name
        assert partly or re.search(r"[\d.]+ \([\d.]+–[\d.]+\)", text), f"{name}: no interval"
        assert f"](findings/{name}.png)" in text
        assert (ROOT / "docs" / "findings" / f"{name}.png").stat().st_size < 60_000


def arms_of(name: str) -> list[str]:
    """What an experiment's sweep compares, or the one that it is made of."""
    read = yaml.safe_load((ROOT / "conf" / "experiment" / f"{name}.yaml").read_text("utf-8"))
    arms = read["hydra"]["sweeper"]["params"].get("arm")
    return arms.split(",") if arms else arms_of(read["defaults"][0])
