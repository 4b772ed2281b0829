"""A function of Python's standard library, answered by its docstring's first line."""

import ast
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pipeline.training.skills.draw import Draw
from pipeline.training.skills.example import Example

MODULES = (
    *("mailbox", "ipaddress", "inspect", "imaplib", "datetime", "_pydecimal", "stat", "symtable"),
    *("threading", "statistics", "bz2", "codecs", "lzma", "random", "enum", "queue", "uuid"),
    *("smtplib", "_pyio", "tarfile"),
)
CODE, LINE = 110, 60
"""Most characters of a function, and of its docstring's line: short ones train fast."""


def docstrings(draw: Draw) -> Example:
    """The line alone, between its quotes; whole modules are held out."""
    return draw.form(_documented(draw.word(MODULES)))


@cache
def _documented(module: str) -> tuple[Example, ...]:
    source = Path(sysconfig.get_paths()["stdlib"], f"{module}.py").read_text("utf-8")
    return tuple(_examples(ast.parse(source)))


def _examples(tree: ast.Module) -> Iterator[Example]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef) or len(node.body) < 2:
            continue
        line = (ast.get_docstring(node) or "").partition("\n")[0]
        node.body, node.decorator_list = node.body[1:], []
        code = ast.unparse(node)
        fits = line.endswith(".") and 20 <= len(line) <= LINE and len(code) <= CODE
        if fits and "return" in code and '"' not in line:
            yield Example(code, f'"""{line}"""')
