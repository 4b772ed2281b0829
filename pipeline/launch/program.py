"""Which program this is: machines that work together have to have the same."""

import hashlib
from functools import cache

from pipeline.errors import UsageError
from pipeline.places import PACKAGE

BESIDE = ("__pycache__", "conf")
"""Folders that may be in the package or not: what is made there, and what only a sender reads."""


@cache
def code_hash() -> str:
    """SHA-256 of all files of the package, by name and content."""
    whole = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and not {*path.parts} & {*BESIDE}:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            whole.update(f"{path.relative_to(PACKAGE).as_posix()} {content}\n".encode())
    return whole.hexdigest()


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
