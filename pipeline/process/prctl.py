"""What Linux alone does for a process that asks; elsewhere nothing happens."""

import ctypes

DEATH_SIGNAL, CHILD_SUBREAPER, PTRACER = 1, 36, 0x59616D61
"""The signal that comes when the parent ends; whether orphans below become its children; who may
trace it. Linux's `PR_SET_…`."""


def prctl(option: int, value: int) -> None:
    """Set one of those for the calling process."""
    call = getattr(ctypes.CDLL(None), "prctl", lambda *_: -1)
    call(option, ctypes.c_ulong(value), 0, 0, 0)
