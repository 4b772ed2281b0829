"""What a documented command needs beside the project and its requirements, and what isn't there."""

import socket
from collections.abc import Iterator
from importlib.util import find_spec
from urllib.parse import urlsplit

from tests.docs.commands import Command, Reduction, Reductions


def needs(rule: Reduction) -> str:
    """In words; a dash where it needs nothing. The sweeps are made for it."""
    named = [*rule.wants, *rule.needs]
    if rule.serves:
        named.append(f"port {_port(rule)}")
    if rule.lacks:
        named.append(f"{rule.lacks} (none here)")
    return ", ".join(named) or "-"


def absent(rule: Reduction, known: Reductions) -> str | None:
    """Why it can't be run now; None where it can."""
    for name in rule.wants:
        if find_spec(known.packages[name].module) is None:
            return f"{name} isn't installed: {known.packages[name].install}"
    if rule.serves and _taken(_port(rule)):
        return f"port {_port(rule)} is taken"
    return None


def listing(commands: list[Command], known: Reductions) -> Iterator[str]:
    """A line a command: the page, what it needs, the command."""
    rows = [(each.page, needs(known.of(each)), each.text) for each in commands]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for page, needed, text in rows:
        yield f"{page:{widths[0]}}  {needed:{widths[1]}}  {text}"


def _port(rule: Reduction) -> int:
    return urlsplit(rule.serves).port or 80


def _taken(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
