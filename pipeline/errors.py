"""What is wrong with a request, and what can't be read."""

from collections.abc import Iterator

from pydantic import ValidationError

LONGEST = 2000
"""Characters of a message; of longer ones the middle is left out."""
REPEATED = 120
"""Characters of something a user typed that a message repeats."""


class UsageError(Exception):
    """Something the user asked for can't be done.

    Its message is one line that names what was wrong, where, and what to do. The command line
    prints it without a traceback and exits with code 2, before any model has been loaded. It is a
    line whatever was put into it: names in files may hold line breaks, or be very long.
    """

    def __str__(self) -> str:
        said = escaped(super().__str__())
        if len(said) > LONGEST:
            half = LONGEST // 2 - 2
            said = f"{said[:half]} … {said[-half:]}"
        return said


class Unreadable(UsageError):
    """A file that this project writes is damaged; the message names it and what is wrong with it.

    Whoever reads many runs shows that one as unreadable, and goes on.
    """


def escaped(text: str) -> str:
    """The same in one line: what can't be printed stands there as Python writes it."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def in_a_line(error: BaseException) -> str:
    """What kind of error it is and what it says, without its line breaks."""
    if isinstance(error, ValidationError):
        return f"{error.title}: {fault(error)}"
    return " ".join(f"{type(error).__name__}: {error}".split())


def fault(invalid: ValidationError, within: str = "") -> str:
    """The first thing that settings have against a value: `cpus=0: input should be …`.

    Args:
        invalid: what they raised.
        within: name of the section that they are.
    """
    first = invalid.errors(include_url=False)[0]
    key, given = ".".join(filter(None, (within, *map(str, first["loc"])))), first["input"]
    value = shortened(f"={given}") if isinstance(given, str | int | float) else ""
    said = f"{first['msg'][:1].lower()}{first['msg'][1:]}"
    return f"{key}{value}: {said}" if key else said


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and what it came from, each from the next."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def shortened(text: str, most: int = REPEATED) -> str:
    """As much of it as there is room for: by default what a message has for what a user typed."""
    return text if len(text) <= most else f"{text[: max(most - 1, 0)]}…"


def shown(value: object) -> str:
    """A value from a file, for a message: short, whatever it is."""
    return shortened(repr(value))
