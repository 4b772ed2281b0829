"""Every documented command is one that works."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.__main__ import compose
from pipeline.launch.overrides import refuse_unused
from tests.docs.commands import PAGES, Command, Reduction, documented, reduced, reductions
from tests.docs.needs import listing

ROOT = Path(__file__).parents[1]
COMMANDS = [command.text for command in documented()]
MODULES = {
    name for page in PAGES for name in re.findall(r"python -m (pipeline\.[\w.]+)", page.read_text())
}
FOLDERS = ("conf", "docs", "pipeline", "tests")
TARGETS = {name for page in PAGES for name in re.findall(r"`make (\w+)`", page.read_text())}


def test_there_are_commands():
    assert "make run" in COMMANDS
    assert len(COMMANDS) > 8


def test_every_command_is_made_small_somehow():
    """`make docs-check` runs them all."""
    rules = reductions().rules
    matched = [[rule for rule in rules if re.search(rule.match, text)] for text in COMMANDS]
    missing = [text for text, fits in zip(COMMANDS, matched, strict=True) if not fits]
    assert not missing, "tests/docs/reductions.yaml wants an entry"
    used = {id(fits[0]) for fits in matched}
    assert [rule.match for rule in rules if id(rule) not in used] == []


def test_a_line_says_what_each_command_needs():
    lines = dict(zip(COMMANDS, listing(documented(), reductions()), strict=True))
    assert re.search(r"^serving\.md +smollm2, port 8000 +make serve$", lines["make serve"])
    assert re.search(r"^README\.md +- +make run$", lines["make run"])
    compared = next(text for text in COMMANDS if text.endswith("pipeline.compare runs/mine"))
    assert " runs/mine  " in lines[compared]
    assert all(rule.lacks for rule in reductions().rules if 0 not in rule.codes)
    wanted = {name for rule in reductions().rules for name in rule.wants}
    assert wanted == {*reductions().packages}


def test_the_files_that_make_a_command_small_exist():
    given = [value for rule in reductions().rules for value in rule.environment.values()]
    named = [word for value in given for word in value.split() if word.startswith("tests/")]
    assert named and [word for word in named if not (ROOT / word).exists()] == []


def test_what_makes_a_command_small_replaces_what_was_typed():
    command = Command("page", "python -m pipeline -m repeat=0,1,2 'adapters.ranks=[8]'")
    words = reduced(command, Reduction("", set=("repeat=0", "workload.iterations=1")))
    assert words[3:] == [
        *("-m", "repeat=0", "adapters.ranks=[8]"),
        *("tracking=none", "validity.min_utilisation=null", "workload.iterations=1"),
    ]


@pytest.mark.parametrize(
    "name", sorted(TARGETS | {c.split()[1] for c in COMMANDS if c.startswith("make")})
)
def test_documented_targets_exist(name):
    subprocess.run(["make", "-n", name], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("python -m pipeline ")])
def test_documented_runs_compose(command, tmp_path, monkeypatch):
    """Every job composed and validated; running them all would take an hour."""
    arguments = [
        a for a in shlex.split(command, comments=True)[3:] if not a.startswith("hydra.sweep.dir")
    ]
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["pipeline", *arguments, f"paths.runs={tmp_path}"])
    plan = compose()
    assert plan.jobs
    refuse_unused(plan.jobs, ROOT / "conf")


@pytest.mark.parametrize("module", sorted(MODULES))
def test_documented_modules_explain_themselves(module):
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0 and module in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page):
    """As `path/of/file.py`, or by the end of it; and where links lead."""
    text = page.read_text("utf-8")
    named = re.findall(r"`([\w./-]+\.(?:py|yaml|toml|cpp|h))`", text)
    here = [
        f"/{path.relative_to(ROOT)}" for folder in FOLDERS for path in (ROOT / folder).rglob("*")
    ]
    named = [name for name in named if "NAME" not in name]
    missing = [name for name in named if not any(path.endswith(f"/{name}") for path in here)]
    links = re.findall(r"\]\(([^)#:\s]+)[)#]", text)
    assert missing + [link for link in links if not (page.parent / link).exists()] == []


def test_ways_through_the_code_are_short_and_lead_through_files_there_are():
    """What a value goes through; the longest that each of the five may be."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    ways = page.partition("\n## Five ways through the code\n")[2].partition("\n## ")[0]
    files = [re.findall(r"^\d+\. `(.+?)`", way, re.M) for way in ways.split("\n### ")[1:]]
    assert [name for way in files for name in way if not (ROOT / "pipeline" / name).is_file()] == []
    assert all(len(way) == len({*way}) for way in files)
    for way, most in zip(files, (10, 14, 4, 4, 8), strict=True):
        assert 0 < len(way) <= most


def test_help_lists_every_target():
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True).stdout
    for name in ("run", "test", "sweep", "ui", "bench", "lint", "clean", "help"):
        assert re.search(rf"^{name}\s+\S", shown, re.M)
