"""Which files hold a checkpoint's weights: transformers' rule, for whoever reads them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt")


def weight_files(folder: Path, config: Mapping[str, Any]) -> tuple[Path, ...]:
    """The safetensors files that count, in the order in which later ones win.

    What `transformers_weights` in `config.json` names; else `model.safetensors`, whatever lies
    beside it; else the shards of `model.safetensors.index.json`. Any other file is passed over
    (transformers 5.23, `_get_resolved_checkpoint_files`).

    Raises:
        UsageError: there are none, or the index isn't one, or a shard of it is missing.
    """
    path = _first(folder, config)
    if not path.name.endswith(".index.json"):
        return (path,)
    names = shards(path)
    if absent := [name for name in names if not (folder / name).is_file()]:
        raise UsageError(
            f"{path}: names {absent[0]}, which isn't there; fetch the checkpoint again"
        )
    return tuple(folder / name for name in names)


def shards(index: Path) -> tuple[str, ...]:
    """Names of the files that an index names, in their order.

    Raises:
        UsageError: it isn't an index.
    """
    try:
        document = json.loads(index.read_text("utf-8"))
        names = {*document["weight_map"].values()}
        document["metadata"]  # transformers fails without it
        if not all(isinstance(name, str) for name in names):
            raise TypeError("names what isn't a file")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{index}: not an index of shards ({type(error).__name__}: {error}); "
            "fetch the checkpoint again"
        ) from error
    return tuple(sorted(names))


def _first(folder: Path, config: Mapping[str, Any]) -> Path:
    named = config.get("transformers_weights")
    if named is not None and not isinstance(named, str):
        raise UsageError(f"{folder}: config.json names no file by transformers_weights; correct it")
    for name in (named,) if named else (SINGLE, INDEX):
        if (folder / name).is_file():
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
