"""What is wrong with a request, and what can't be read."""

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
        said = super().__str__()
        if not said.isprintable():
            said = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in said)
        if len(said) > LONGEST:
            half = LONGEST // 2 - 2
            said = f"{said[:half]} … {said[-half:]}"
        return said


class Unreadable(UsageError):
    """A file that this project writes is damaged; the message names it and what is wrong with it.

    Whoever reads many runs shows that one as unreadable, and goes on.
    """


def shortened(typed: str) -> str:
    """As much of what a user typed as a message has room for."""
    return typed if len(typed) <= REPEATED else f"{typed[: REPEATED - 1]}…"


def shown(value: object) -> str:
    """A value from a file, for a message: short, whatever it is."""
    return shortened(repr(value))
