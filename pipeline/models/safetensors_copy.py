"""Weights that lie in another format, as the safetensors that other libraries read."""

from math import prod
from pathlib import Path
from shutil import disk_usage

from pipeline.errors import UsageError
from pipeline.files.atomic import whole_file
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.safetensors_header import BITS
from pipeline.models.safetensors_writer import write_header
from pipeline.models.weight_files import SINGLE

PIECE = 1 << 24
"""Bytes that are in memory at a time, unless a row has more."""


def library_folder(checkpoint: Checkpoint) -> Path:
    """The checkpoint's folder with its weights in it, written there now if they lie elsewhere.

    Raises:
        UsageError: there is no room for them, or they can't be read.
    """
    check_room(checkpoint)
    if _is_missing(checkpoint):
        with whole_file(checkpoint.folder / SINGLE) as draft:
            _write(checkpoint, draft)
    return checkpoint.folder


def check_room(checkpoint: Checkpoint) -> None:
    """Refuse weights that are yet to be written, and that the disk has no room for.

    Raises:
        UsageError: naming the file that they lie in, how much they take and how much is free.
    """
    if not _is_missing(checkpoint):
        return
    tensors = checkpoint.weights.tensors.values()
    needed = sum(prod(each.shape) * BITS[each.dtype] // 8 for each in tensors)
    if needed > (free := disk_usage(checkpoint.folder).free):
        raise UsageError(
            f"paths.cache: the weights of {checkpoint.weights.files[0]} take {needed / 1e9:.3g} GB "
            f"in fp32, and the disk has {free / 1e9:.3g} GB free; free some, give another "
            "paths.cache, or use engine=multilora, which reads them where they are"
        )


def _is_missing(checkpoint: Checkpoint) -> bool:
    return checkpoint.elsewhere is not None and not (checkpoint.folder / SINGLE).exists()


def _write(checkpoint: Checkpoint, path: Path) -> None:
    tensors = checkpoint.weights.tensors
    with path.open("wb") as target, checkpoint.weights.open() as opened:
        write_header(target, {name: (each.dtype, each.shape) for name, each in tensors.items()})
        for each in tensors.values():
            for piece in each.pieces(PIECE):
                target.write(opened.read(piece).data)
