"""A line of JSON for every request, written beside the event loop, which never waits for it."""

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import Full, Queue
from threading import Thread
from typing import Any, TextIO

from pipeline.errors import UsageError

STANDARD_OUTPUT = Path("-")
MOST_BEHIND = 10_000
"""Lines that may wait to be written; what comes then is counted, and left out."""


class AccessLog:
    """To a file, or to the standard output for `-`; to nowhere for None."""

    def __init__(self, path: Path | None) -> None:
        """Opens the file, behind what is in it.

        Raises:
            UsageError: it can't be written to.
        """
        self._lines: Queue[str | None] = Queue(MOST_BEHIND)
        self._left_out, self._thread = 0, None
        if path is None:
            return
        try:
            file = sys.stdout if path == STANDARD_OUTPUT else path.open("a", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"serve.access_log={path}: {error.strerror}") from error
        self._thread = Thread(target=self._write, args=(file,), name="access-log", daemon=True)
        self._thread.start()

    @property
    def is_on(self) -> bool:
        """Whether anything is written."""
        return self._thread is not None

    def write(self, line: Mapping[str, Any]) -> None:
        """One request."""
        said = {**line, "left_out": self._left_out} if self._left_out else line
        try:
            self._lines.put_nowait(json.dumps(said))
            self._left_out = 0
        except Full:
            self._left_out += 1

    def close(self, seconds: float = 2) -> None:
        """Write what waits; waits at most so long."""
        if self._thread is not None:
            with suppress(Full):
                self._lines.put(None, timeout=seconds)
            self._thread.join(seconds)

    def _write(self, file: TextIO) -> None:
        while (line := self._lines.get()) is not None:
            with suppress(OSError, ValueError):
                print(line, file=file, flush=self._lines.empty())
        if file is not sys.stdout:
            file.close()
