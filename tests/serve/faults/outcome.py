"""What became of requests: answered as they should be, failed clearly, or neither."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from tests.serve.faults.client import Answer

ANSWERED = "answered"


@dataclass(frozen=True)
class Line:
    """A row of the table.

    Attributes:
        part: whose.
        what: was done.
        found: what came of it.
        good: whether that is as it should be.
    """

    part: str
    what: str
    found: str
    good: bool

    def __str__(self) -> str:
        return f"{'ok' if self.good else 'BAD':4}{self.part:12}{self.what:58}{self.found}"


def outcome(answer: Answer, texts: Collection[str]) -> str:
    """In a word or two.

    Args:
        answer: what came.
        texts: any of which it may be.
    """
    if answer.text is not None:
        return ANSWERED if answer.text in texts else f"another text: {answer.text[:40]!r}"
    if (error := answer.error) is None or not answer.whole:
        return f"unclear: {answer.status}, {len(answer.body)} bytes, whole: {answer.whole}"
    if answer.status == 200:
        return f"told {error['code']} in its stream"
    if answer.status in (429, 503) and not int(answer.headers.get("retry-after", 0)):
        return f"{answer.status} without Retry-After"
    return str(answer.status) if error["code"] == answer.status else "status and code differ"


def counted(outcomes: Iterable[str]) -> str:
    """How often each."""
    return ", ".join(f"{count} × {each}" for each, count in Counter(outcomes).most_common())
