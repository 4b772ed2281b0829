"""Every documented command is one that works."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.__main__ import compose
from pipeline.launch.overrides import refuse_unread

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = list(
    dict.fromkeys(
        line
        for page in PAGES
        for block in re.findall(r"```bash\n(.*?)```", page.read_text(), re.S)
        for line in block.splitlines()
    )
)
MODULES = {
    name for page in PAGES for name in re.findall(r"python -m (pipeline\.[\w.]+)", page.read_text())
}
TARGETS = {name for page in PAGES for name in re.findall(r"`make (\w+)`", page.read_text())}


def test_there_are_commands():
    assert "make run" in COMMANDS
    assert len(COMMANDS) > 8


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
    assert not plan.refused
    assert plan.jobs
    refuse_unread(plan.jobs, ROOT / "conf")


@pytest.mark.parametrize("module", sorted(MODULES))
def test_documented_modules_explain_themselves(module):
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0 and module in done.stdout


def test_help_lists_every_target():
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True).stdout
    for name in ("run", "test", "sweep", "ui", "bench", "lint", "clean", "help"):
        assert re.search(rf"^{name}\s+\S", shown, re.M)
