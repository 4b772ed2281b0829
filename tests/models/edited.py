"""Copies of the embedded checkpoint with something changed, as they are found in the wild."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

BASE = Path(__file__).parents[2] / "pipeline" / "assets" / "tiny" / "base"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
UP = "model.layers.1.mlp.up_proj.weight"

Tensors = dict[str, Tensor]


def copied(folder: Path) -> Path:
    """A copy in a folder that isn't there yet."""
    return Path(shutil.copytree(BASE, folder))


def rewrite(folder: Path, change: Callable[[Tensors], Tensors]) -> None:
    """Other tensors in the same file."""
    tensors = change(load_file(folder / WEIGHTS))
    save_file({name: each.contiguous() for name, each in tensors.items()}, folder / WEIGHTS)


def reconfigure(folder: Path, file: str = "config.json", **values: Any) -> None:
    """Other values in a JSON file; None takes the key out."""
    path = folder / file
    known = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    changed = {key: value for key, value in (known | values).items() if value is not None}
    path.write_text(json.dumps(changed), "utf-8")


def shard(folder: Path, parts: int = 3) -> None:
    """The same tensors in shards with an index, in place of the whole file."""
    tensors = load_file(folder / WEIGHTS)
    names = sorted(tensors)
    files = {}
    for part in range(parts):
        file = f"model-{part + 1:05d}-of-{parts:05d}.safetensors"
        save_file({name: tensors[name] for name in names[part::parts]}, folder / file)
        files |= dict.fromkeys(names[part::parts], file)
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": files}))
    (folder / WEIGHTS).unlink()


def longer(rows: int) -> Callable[[Tensor], Tensor]:
    """A table with so many more rows, or fewer."""

    def change(table: Tensor) -> Tensor:
        if rows < 0:
            return table[:rows]
        return torch.cat([table, torch.zeros(rows, table.shape[1], dtype=table.dtype)])

    return change
