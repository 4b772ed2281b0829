"""A full disk, a folder that can't be written, a home that isn't there: what to do about each."""

import errno
import os
from pathlib import Path

from pipeline.errors import causes

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}
NO_SPACE = os.strerror(errno.ENOSPC)
"""How libraries that don't raise `OSError` have it in their messages."""


def remedy(error: BaseException, within: Path | None = None) -> str | None:
    """A line on what couldn't be written and what to do; None if that isn't what went wrong.

    Args:
        error: what was raised.
        within: the directory to name where the error names no file.
    """
    for each in causes(error):
        number = each.errno if isinstance(each, OSError) else None
        if number in FULL or NO_SPACE in str(each):
            said = os.strerror(number) if number else NO_SPACE
            return (
                f"{_place(each, within)}{said}; what was measured is kept: free some room, "
                "then give the same command again with this directory"
            )
        if number in CLOSED:
            return (
                f"{_place(each, within)}{os.strerror(number or 0)}; let this user reach "
                "it, or name another place (paths.runs=…, paths.cache=… for what is written)"
            )
    return None


def settle_caches(cache: Path) -> None:
    """Let libraries keep under `cache` what they would keep in a home that can't be written.

    Compiled kernels, matplotlib's fonts and the hub's downloads follow these variables of the
    environment, which the jobs' processes inherit. Those that are set already stay.
    """
    if _can_be_written(Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())):
        return
    home = cache.absolute() / "home"
    os.environ["XDG_CACHE_HOME"] = str(home)
    os.environ.setdefault("MPLCONFIGDIR", str(home / "matplotlib"))


def _can_be_written(folder: Path) -> bool:
    """Whether it is a folder to write in, or could be made."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _place(error: BaseException, within: Path | None) -> str:
    path = getattr(error, "filename", None) or within
    return f"{path}: " if path else ""
