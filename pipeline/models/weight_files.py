"""Which files hold a checkpoint's weights: transformers' rule, for whoever reads them."""

from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.errors import UsageError
from pipeline.models.files import AGAIN, is_there, read_object

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
ENDING, INDEX_ENDING = ".safetensors", ".safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt")


def weight_files(folder: Path, named: Any = None) -> tuple[Path, ...]:
    """The safetensors files that count, in the order in which later ones win.

    What `transformers_weights` in `config.json` names; else `model.safetensors`, whatever lies
    beside it; else the shards of `model.safetensors.index.json`. Any other file is passed over
    (transformers 5.23, `_get_resolved_checkpoint_files`).

    Args:
        folder: of the checkpoint.
        named: what its `config.json` says by `transformers_weights`.

    Raises:
        UsageError: there are none, or the index isn't one, or a shard of it is missing.
    """
    path = _first(folder, named)
    if not path.name.endswith(INDEX_ENDING):
        return (path,)
    names = shards(path)
    if absent := [name for name in names if not is_there(folder / name)]:
        raise UsageError(f"{path}: names {absent[0]}, which isn't there; {AGAIN}")
    return tuple(folder / name for name in names)


def shards(index: Path) -> tuple[str, ...]:
    """Names of the files that an index names, in their order.

    Raises:
        UsageError: it isn't an index, or names what isn't a safetensors file of its own folder.
    """
    document = read_object(index)
    weights, metadata = document.get("weight_map"), document.get("metadata")
    if not isinstance(weights, dict) or not weights or not isinstance(metadata, dict):
        raise UsageError(
            f"{index}: not an index of shards: weight_map and metadata must be objects; {AGAIN}"
        )
    for name, file in weights.items():
        if not _is_inside(file, ENDING):
            raise UsageError(
                f"{index}: not an index of shards: {name!r:.80} is in {file!r:.80}, which is "
                f"no safetensors file of its folder; {AGAIN}"
            )
    return tuple(sorted({*weights.values()}))


def _is_inside(name: Any, *endings: str) -> bool:
    """Whether it names a file of the folder that names it, or of one inside that."""
    if not isinstance(name, str) or not name.isprintable() or not name.endswith(endings):
        return False
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _first(folder: Path, named: Any) -> Path:
    if named is not None and not _is_inside(named, ENDING, INDEX_ENDING):
        raise UsageError(
            f"{folder}: config.json names no safetensors file of the folder by "
            f"transformers_weights ({named!r:.80}); correct it"
        )
    for name in (named,) if named else (SINGLE, INDEX):
        if is_there(folder / name):
            return folder / name
    if named:
        raise UsageError(f"{folder}: config.json names {named}, which isn't there; fetch it")
    others = sorted(each.name for each in folder.iterdir() if each.suffix in PICKLES)
    others = [f"{each}, a pickle, which is never loaded" for each in others]
    others += [f"{each.name}, which isn't read" for each in sorted(folder.glob("*.safetensors"))]
    raise UsageError(
        f"{folder}: safetensors weights are needed, {SINGLE} or {INDEX}; "
        f"found {others[-1] if others else 'neither'}"
    )
