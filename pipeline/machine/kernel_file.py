"""What Linux tells in small files under /proc and /sys."""

from collections.abc import Iterable
from pathlib import Path


def text(path: Path) -> str | None:
    """The file's content without the white space around it; None where it can't be read."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None


def parse_list(ranges: str) -> tuple[int, ...]:
    """The numbers of a list such as `0-3,8`, ascending.

    Raises:
        ValueError: it isn't such a list.
    """
    numbers: set[int] = set()
    for part in ranges.replace(",", " ").split():
        first, _, last = part.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(numbers))


def format_list(numbers: Iterable[int]) -> str:
    """The other way round: ascending numbers as such a list."""
    spans: list[list[int]] = []
    for number in sorted(set(numbers)):
        if spans and number == spans[-1][-1] + 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    return ",".join("-".join(dict.fromkeys((str(span[0]), str(span[-1])))) for span in spans)
