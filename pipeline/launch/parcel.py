"""A run directory as bytes: what a machine that shares no disk sends back, whole or not at all."""

import gzip
import io
import shutil
import tarfile
import zlib
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.errors import Unreadable
from pipeline.files.documents import reading, write_text
from pipeline.tracking.folders import EARLIER
from pipeline.tracking.lock import LOCK
from pipeline.tracking.run_directory import CONFIG, STATUS

OURS = (CONFIG, LOCK, EARLIER)
"""What whoever sent the job keeps as it is."""

ARRIVING = ".arriving-"
"""What a folder is called in which a parcel is unpacked before its files take their places."""


def packed(directory: Path, without: Collection[str] = OURS) -> bytes:
    """All that a run left in its directory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for each in sorted(directory.iterdir()):
            if each.name not in without:
                tar.add(each, each.name)
    return gzip.compress(buffer.getvalue(), compresslevel=1)


def unpack(parcel: bytes, directory: Path) -> None:
    """Put what came back into the directory of the job, whose lock is held; `status.json` last.

    Until that is there, the job has not ended: whoever is killed meanwhile leaves one to be redone.
    Of the unpacking nothing is left by then, for nobody would look for it in a run that finished.

    Raises:
        Unreadable: the parcel is torn, or holds what no run leaves; nothing has changed.
    """
    write_text(directory / STATUS, _all_but_the_status(parcel, directory))


def _all_but_the_status(parcel: bytes, directory: Path) -> str:
    """Have all else take its place; the status, as text."""
    with TemporaryDirectory(prefix=ARRIVING, dir=directory) as folder:
        arrived = Path(folder)
        try:
            with tarfile.open(fileobj=io.BytesIO(gzip.decompress(parcel))) as tar:
                tar.extractall(arrived, filter="data")
        except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
            raise Unreadable(f"{directory}: what came back is damaged: {error}") from error
        names = {each.name for each in arrived.iterdir()}
        if STATUS not in names or names & {*OURS}:
            raise Unreadable(f"{directory}: what came back is no run: {', '.join(sorted(names))}")
        with reading(directory):
            status = (arrived / STATUS).read_text("utf-8")
        for each in sorted(names - {STATUS}):
            _take_place(arrived / each, directory / each)
        return status


def _take_place(new: Path, place: Path) -> None:
    """Move a file or a folder to where another may be of an unpacking that was cut off."""
    if place.is_dir() and not place.is_symlink():
        with suppress(FileNotFoundError):
            shutil.rmtree(place)
    new.replace(place)
