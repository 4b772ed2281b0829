"""Imports point downwards only."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "pipeline"
FLOORS = [
    {"__main__", "console"},
    {"launch"},
    {"run"},
    {"stages"},
    {"config"},
    {"engines", "compare", "profilers"},
    {"kernels", "gguf", "tracking", "training"},
    {"adapters"},
    {"models", "workload", "metrics"},
    {"inference", "machine", "files", "process"},
    {"errors", "settings", "install", "places"},
]
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(ROOT.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "pipeline":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipeline."):
            names.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names |= {a.name.split(".")[1] for a in node.names if a.name.startswith("pipeline.")}
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(path):
    here = room(path)
    if here == "__init__":
        return
    for there in imported(path) - {here}:
        assert FLOOR[there] > FLOOR[here], f"{here} imports {there}"


@pytest.mark.parametrize("path", [p for p in FILES if room(p) in ("workload", "metrics")], ids=str)
def test_no_torch_in_the_laboratory(path):
    assert "torch" not in path.read_text().replace("no torch", "")
