"""What a page wants measured: blocks between two comments, which hold what was found."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.errors import UsageError

BLOCK = re.compile(r"(<!-- measured: (?P<said>[^\n]*?) -->\n)(?P<held>.*?)(<!-- end -->)", re.S)


@dataclass(frozen=True)
class Block:
    """A place in a page that one sweep fills.

    Attributes:
        name: of the sweep's directory.
        against: the engine, or arm, that ratios refer to; None takes the first.
        metrics: figures that stand beside the throughput.
    """

    name: str
    against: str | None = None
    metrics: tuple[str, ...] = ()

    @classmethod
    def parse(cls, said: str) -> "Block":
        """Read what the comment says: `NAME 'against=ARM' also=METRIC,METRIC`.

        Raises:
            UsageError: it says something else.
        """
        name, *rest = shlex.split(said) or [""]
        given = dict(each.partition("=")[::2] for each in rest)
        if not re.fullmatch(r"\w+", name) or not given.keys() <= {"against", "also"}:
            raise UsageError(f"<!-- measured: {said} -->: write NAME 'against=ARM' also=METRIC,…")
        also = given.get("also")
        return cls(name, given.get("against"), tuple(also.split(",")) if also else ())


def blocks(page: str) -> list[Block]:
    """Those of a page, in order.

    Raises:
        UsageError: one isn't written as it should be, or two are of one name.
    """
    found = [Block.parse(each["said"]) for each in BLOCK.finditer(page)]
    if page.count("<!-- measured:") != len(found):
        raise UsageError("a block <!-- measured: … --> has no <!-- end -->")
    names = [each.name for each in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UsageError(f"two blocks are of {min(twice)}")
    return found


def filled(page: str, held: Callable[[Block], str | None]) -> str:
    """The page with every block's text as `held` gives it; None leaves what stands there."""

    def fill(found: re.Match[str]) -> str:
        text = held(Block.parse(found["said"]))
        return found[0] if text is None else f"{found[1]}{text}{found[4]}"

    return BLOCK.sub(fill, page)
