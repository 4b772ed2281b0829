"""llama.cpp's own log, brought into Python's."""

import ctypes
import logging

import llama_cpp
from llama_cpp._ggml import libggml

LOG = logging.getLogger("llama.cpp")
CONTINUES = 5
"""The level that means: goes on with the line before."""

_LEVELS = {1: logging.DEBUG, 2: logging.INFO, 3: logging.WARNING, 4: logging.ERROR}


class _Lines:
    """Puts lines together from the pieces llama.cpp hands over."""

    def __init__(self) -> None:
        self._level, self._text = logging.INFO, ""

    def take(self, level: int, piece: bytes) -> None:
        """One piece; whole lines are logged."""
        if level != CONTINUES:
            self._level = _LEVELS.get(level, logging.INFO)
        if not LOG.isEnabledFor(self._level):
            return
        *lines, self._text = (self._text + piece.decode("utf-8", "replace")).split("\n")
        for line in filter(str.strip, lines):
            LOG.log(self._level, "%s", line)


_lines = _Lines()


_callback = llama_cpp.llama_log_callback(lambda level, piece, _: _lines.take(level, piece))


_last_words = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(
    lambda said: LOG.critical("%s", said.decode("utf-8", "replace").strip())
)


def capture() -> None:
    """From now on llama.cpp logs through the logger `llama.cpp`, not to stderr.

    Its last words, too: else it would call a debugger to print its own stack.
    """
    llama_cpp.llama_log_set(_callback, ctypes.c_void_p(0))
    libggml.ggml_set_abort_callback(_last_words)
    LOG.setLevel(logging.NOTSET)


def quieten() -> None:
    """Keep only warnings: what it says of each graph would be written in the timed part."""
    LOG.setLevel(logging.WARNING)
