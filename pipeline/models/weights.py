"""A checkpoint's tensors, one at a time."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import safe_open

if TYPE_CHECKING:
    from torch import Tensor

INDEX, SINGLE = "model.safetensors.index.json", "model.safetensors"


class StoredWeights:
    """The safetensors files of a checkpoint, in one piece or in shards.

    Attributes:
        shapes: shape of every tensor, by name, from the headers.
        dtypes: safetensors' name of every tensor's type, such as `F16` and `BF16`.
    """

    def __init__(self, folder: Path) -> None:
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.dtypes: dict[str, str] = {}
        self._files: dict[str, Path] = {}
        for path in _files(folder):
            with safe_open(path, framework="numpy") as stored:
                names = stored.keys()
                for name in names:
                    header = stored.get_slice(name)
                    self.shapes[name] = tuple(header.get_shape())
                    self.dtypes[name] = header.get_dtype()
                    self._files[name] = path

    def read(self, name: str) -> "Tensor":
        """That tensor, as it is stored."""
        with safe_open(self._files[name], framework="pt") as stored:
            tensor: Tensor = stored.get_tensor(name)
            return tensor


def _files(folder: Path) -> list[Path]:
    """The files that transformers would read: a hub folder may hold the weights twice."""
    if (folder / INDEX).is_file():
        shards = json.loads((folder / INDEX).read_text("utf-8"))["weight_map"].values()
        return [folder / shard for shard in sorted({*shards})]
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    return sorted(folder.glob("*.safetensors"))
