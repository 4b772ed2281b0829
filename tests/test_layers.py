"""Imports point downwards only, as docs/architecture.md draws it, and a name has one meaning."""

import ast
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
ROOT = REPOSITORY / "pipeline"
LABORATORY = {"hydra", "omegaconf", "mlflow", "scipy", "pandas"}
FOREIGN = {
    "engines": LABORATORY,
    "inference": LABORATORY,
    "kernels": LABORATORY,
    "metrics": {"hydra", "omegaconf", "mlflow", "torch"},
    "workload": {"hydra", "omegaconf", "mlflow", "torch"},
}
"""What a room leaves to others."""


def floors():
    """The picture's, from the highest: on each, rooms that don't import one another."""
    text = (REPOSITORY / "docs" / "architecture.md").read_text("utf-8")
    picture = text.partition("\n## Layout\n")[2].split("```")[1].strip()
    return [[line.split()[0] for line in part.splitlines()] for part in picture.split("\n\n")]


def module(path):
    parts = ("pipeline", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(name):
    return name.split(".")[1] if "." in name else ""


FLOOR = {room: level for level, rooms in enumerate(floors()) for room in rooms}
TREES = {module(path): ast.parse(path.read_bytes()) for path in sorted(ROOT.rglob("*.py"))}


def imported(tree):
    """What a file imports, wherever in it: our modules by name, of others their package."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in TREES else node.module for name in whole}
    return {name if name in TREES else name.partition(".")[0] for name in names}


def test_the_picture_shows_every_room():
    assert set(FLOOR) == {room(name) for name in TREES} - {""}, "docs/architecture.md, Layout"


def test_imports_point_downwards():
    upwards = [
        f"{name} imports {other}"
        for name, tree in TREES.items()
        for other in imported(tree)
        if room(name) and room(other) not in {room(name), ""}
        if FLOOR[room(other)] <= FLOOR[room(name)]
    ]
    assert upwards == []


def test_no_two_files_lead_to_each_other():
    graph = {name: imported(tree) - {name} for name, tree in TREES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_what_rooms_leave_to_others():
    strays = {name: imported(tree) & FOREIGN.get(room(name), set()) for name, tree in TREES.items()}
    assert {name: found for name, found in strays.items() if found} == {}


def test_a_class_has_its_name_alone():
    places = defaultdict(list)
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(name)
    assert {name: files for name, files in places.items() if len(files) > 1} == {}
