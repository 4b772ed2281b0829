"""Imports go one way: what is compared, then plots, then pages; no two files need each other."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pipeline.compare

ROOT = Path(pipeline.compare.__path__[0])
ROOMS = ("", "plots", "report", "findings", "__main__")
"""From below to above; the first holds the files that stand in no other."""


def modules() -> dict[str, Path]:
    return {
        ".".join(("pipeline", "compare", *path.relative_to(ROOT).with_suffix("").parts)): path
        for path in ROOT.rglob("*.py")
        if path.name != "__init__.py"
    }


def imported(path: Path) -> set[str]:
    """Modules of the package that a file imports anywhere, in functions and for types, too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
    return found & {*modules()}


def room(module: str) -> int:
    first = module.split(".")[2]
    return ROOMS.index(first if first in ROOMS else "")


def test_imports_go_one_way() -> None:
    graph = {module: imported(path) for module, path in modules().items()}
    TopologicalSorter(graph).prepare()
    upwards = [(a, b) for a, others in graph.items() for b in others if room(b) > room(a)]
    assert not upwards
