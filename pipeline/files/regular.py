"""Regular files of bounded size: what a path leads to is looked at before it is read.

A pipe in a file's place makes its reader wait for ever, a device may never end, and a file far
beyond its kind's size takes all memory before anybody can say what is wrong with it.
"""

import os
import stat
from errno import EFBIG, EINVAL, EISDIR
from pathlib import Path
from typing import BinaryIO

MEBIBYTE = 1 << 20

_KINDS = {
    stat.S_IFIFO: "is a pipe, not a file",
    stat.S_IFSOCK: "is a socket, not a file",
    stat.S_IFCHR: "is a device, not a file",
    stat.S_IFBLK: "is a device, not a file",
}


def check_regular(path: Path) -> int:
    """The size in bytes of a regular file; for libraries that open a path themselves.

    Raises:
        OSError: there is none, or it is a folder, a pipe, a socket or a device; `strerror` says
            which.
    """
    return _size(os.stat(path), path)


def open_regular(path: Path) -> BinaryIO:
    """The file, open for reading; never waits for whoever writes into a pipe.

    Raises:
        OSError: as `check_regular`.
    """
    check_regular(path)  # Opening alone does something to some devices.
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    try:
        _size(os.fstat(file.fileno()), path)
    except OSError:
        file.close()
        raise
    return file


def read_regular(path: Path, most: int) -> bytes:
    """All bytes of a file.

    Args:
        path: the file.
        most: bytes that a file of its kind may have.

    Raises:
        OSError: as `check_regular`, or it has more.
    """
    with open_regular(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        said = f"has more than the {most / MEBIBYTE:.4g} MiB that are read of such a file"
        raise OSError(EFBIG, said, str(path))
    return data


def _size(found: os.stat_result, path: Path) -> int:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(EISDIR, "is a folder, not a file", str(path))
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "is no regular file")
        raise OSError(EINVAL, kind, str(path))
    return found.st_size
