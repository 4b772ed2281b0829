"""The log of a library of llama.cpp's kind, brought into Python's."""

import logging

from pipeline.engines.llama_cpp.library import Library

CONTINUES = 5
"""The level that means: goes on with the line before."""

_LEVELS = {1: logging.DEBUG, 2: logging.INFO, 3: logging.WARNING, 4: logging.ERROR}


class LibraryLog:
    """Puts lines together from the pieces that a library hands over."""

    def __init__(self, library: Library) -> None:
        """From now on the library logs through the logger of its name, not to stderr."""
        self._log, self._level, self._text = logging.getLogger(library.name), logging.INFO, ""
        self._log.setLevel(logging.NOTSET)
        library.log_to(self._take)

    def quieten(self) -> None:
        """Keep only warnings: what it says of each graph would be written in the timed part."""
        self._log.setLevel(logging.WARNING)

    def _take(self, level: int, piece: bytes) -> None:
        if level != CONTINUES:
            self._level = _LEVELS.get(level, logging.INFO)
        if not self._log.isEnabledFor(self._level):
            return
        *lines, self._text = (self._text + piece.decode("utf-8", "replace")).split("\n")
        for line in filter(str.strip, lines):
            self._log.log(self._level, "%s", line)
