"""Which program this is: machines that work together have to have the same."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.places import PACKAGE

BESIDE = ("__pycache__", "conf")
"""Folders that may be in the package or not: what is made there, and what only a sender reads."""


def package_hasher() -> Callable[[Path], str]:
    """What makes the hash of a package, as a function that can be sent whole."""
    beside = {*BESIDE}

    def package_hash(package: Path) -> str:
        whole = hashlib.sha256()
        for path in sorted(package.rglob("*")):
            name = path.relative_to(package)
            if path.is_file() and not {*name.parts} & beside:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                whole.update(f"{name.as_posix()} {content}\n".encode())
        return whole.hexdigest()

    return package_hash


@cache
def code_hash() -> str:
    """SHA-256 of all files of the package, by name and content."""
    return package_hasher()(PACKAGE)


def check_same(code: str) -> None:
    """See that this is the program with that hash.

    Raises:
        UsageError: it is another.
    """
    if code != code_hash():
        raise UsageError(
            f"{PACKAGE}: another program than the sender's ({code_hash()[:12]}, not {code[:12]}): "
            "bring both to one commit, without changes of their own"
        )
