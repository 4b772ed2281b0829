"""What a person sees of a long command: one line with stage, percentage and time."""

import sys
from time import monotonic
from typing import IO

STEP = 0.1
"""Where there is no terminal, a line is printed whenever so much more of a stage is done."""


class StageLine:
    """The line of a stage, drawn over itself on a terminal."""

    def __init__(self, stage: str, out: IO[str] | None = None) -> None:
        self._stage, self._out = stage, out or sys.stdout
        self._terminal = self._out.isatty()
        self._started, self._share, self._printed = monotonic(), 0.0, -STEP

    def show(self, share: float) -> None:
        """So much of the stage is done now, 0 to 1; it never goes back."""
        self._share = max(self._share, min(share, 1.0))
        if self._terminal:
            self._write(self._text(f"{self._share:.0%}"), end="")
        elif self._share >= self._printed + STEP:
            self._printed = self._share
            self._write(self._text(f"{self._share:.0%}"))

    def end(self, said: str) -> None:
        """The stage is over, and this is what came of it."""
        self._write(self._text(said))

    def _text(self, said: str) -> str:
        return f"{self._stage:<24} {clock(monotonic() - self._started):>6}  {said}"

    def _write(self, text: str, end: str = "\n") -> None:
        self._out.write(f"\r{text}\x1b[K{end}" if self._terminal else f"{text}{end}")
        self._out.flush()


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
