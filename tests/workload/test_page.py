"""docs/workloads.md names everything there is to choose, under its heading."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "workloads.md").read_text("utf-8")
GROUPS = {
    "popularity": "workload/popularity=",
    "arrivals": "workload/arrivals=",
    "prompts": "workload/prompts=",
    "lengths": "workload/lengths=",
}


def rows(heading):
    """First cells of the table whose first heading that is."""
    table = PAGE.partition(f"| `{heading}` |")[2].split("\n\n")[0]
    return {match for line in table.splitlines()[2:] for match in re.findall(r"^\| `(\w+)`", line)}


def stems(folder):
    return {path.stem for path in (ROOT / "conf" / folder).glob("*.yaml")}


@pytest.mark.parametrize("group", GROUPS)
def test_every_choice_has_a_row(group):
    assert rows(GROUPS[group]) == stems(f"workload/{group}")


def test_every_workload_has_a_row():
    assert rows("workload=") == stems("workload")


@pytest.mark.parametrize("group", GROUPS)
def test_the_default_is_called_one(group):
    text = (ROOT / "conf" / "workload" / "generated.yaml").read_text("utf-8")
    defaults = {
        k: v
        for each in yaml.safe_load(text)["defaults"]
        if each != "_self_"
        for k, v in each.items()
    }
    assert f"| `{defaults[group]}` (default) |" in PAGE


def test_suites_are_experiments_that_are_there():
    assert rows("+experiment=") <= stems("experiment")
    assert {s for s in stems("experiment") if s.startswith(("slora", "punica", "sglang"))} <= rows(
        "+experiment="
    )
