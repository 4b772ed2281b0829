"""The tensors of the model in a GGUF file by transformers' names, read where they lie.

Numbers that stand for themselves are given as they are; of the others there is their value in
fp32, which ggml computes with, so that nothing is rounded a second time. Rows come in transformers'
order, norms' weights without what llama.cpp adds to them.
"""

from collections.abc import Iterable
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.gguf.dequantise import FLOATS, GgufRows, check_types
from pipeline.gguf.file import GgufFile
from pipeline.gguf.layout import TensorNames, part, rotated_heads
from pipeline.gguf.stacked import places
from pipeline.models.config import ModelConfig
from pipeline.models.safetensors_file import as_float32
from pipeline.models.safetensors_header import StoredTensor
from pipeline.models.stored_shapes import HEAD, expected
from pipeline.models.weights import StoredWeights

AGAIN = "fetch it again"


def weights_in(file: GgufFile, model: ModelConfig) -> StoredWeights:
    """The model's tensors, which `check_base` has found in the file.

    Raises:
        UsageError: one is of a type that isn't read.
    """
    stored = _stored(file, model)
    return StoredWeights((file.path,), stored, AGAIN, partial(GgufTensors, model))


def _stored(file: GgufFile, model: ModelConfig) -> dict[str, StoredTensor]:
    """Where each lies. Its type is that of the numbers it is read as, its size that in the file."""
    sizes = expected(model)
    if model.tied:
        del sizes[HEAD]
    lies = _places(model, sizes)
    there = {name: lies[name] for name in sizes if lies[name][0] in file.tensors}
    check_types(file, (stored for stored, _ in there.values()))
    found = {}
    for name, (stored, first) in there.items():
        tensor, shape = file.tensors[stored], sizes[name]
        is_float = tensor.type in FLOATS and not _shift(name, model)
        kind = tensor.type.upper() if is_float else "F32"
        row = tensor.nbytes // max(prod(tensor.shape[:-1]), 1)
        start, rows = tensor.start + first * row, prod(shape[:-1])
        found[name] = StoredTensor(file.path, name, kind, shape, start, rows * row)
    return found


def _places(model: ModelConfig, tensors: Iterable[str]) -> dict[str, tuple[str, int]]:
    """By transformers' name of a tensor: that which holds it in the file, and the row there."""
    names, stacked = TensorNames(model), places(model)
    found = {name: stacked.get(name, (name, 0)) for name in tensors}
    return {name: (names[holder], row) for name, (holder, row) in found.items()}


class GgufTensors:
    """An open GGUF file, to be closed by whoever opened it.

    Attributes:
        tensors: by transformers' names.
    """

    def __init__(self, model: ModelConfig, path: Path) -> None:
        """Open it and read its header.

        Raises:
            UsageError: it isn't there, or isn't GGUF, or was cut short.
        """
        file = GgufFile.read(path)
        self.tensors = _stored(file, model)
        self._model, self._places = model, _places(model, self.tensors)
        self._rows = GgufRows(file)

    def fileno(self) -> int:
        """Its descriptor."""
        return self._rows.fileno()

    def close(self) -> None:
        """Close the file."""
        self._rows.close()

    def read(self, tensor: StoredTensor) -> NDArray[Any]:
        """Numbers of a tensor, or of rows of one, in memory of their own.

        Raises:
            UsageError: the file was cut short since it was opened.
        """
        name, first = tensor.name, self._first_row(tensor)
        stored, before = self._places[name]
        last = first + tensor.shape[0]
        unit = self._rows_of_a_head(name)
        start, stop = first // unit * unit, -(-last // unit) * unit
        if tensor.shape[1:]:
            numbers = self._rows.numbers(stored, before + start, before + stop)
            numbers = numbers.reshape(-1, *tensor.shape[1:])
        else:
            numbers = self._rows.numbers(stored)[start:stop]
        if unit > 1 and len(numbers):
            numbers = part(numbers, len(numbers) // unit)
        if shift := _shift(name, self._model):
            numbers = as_float32(numbers) - np.float32(shift)
        return numbers[first - start : last - start]

    def map(self, tensor: StoredTensor) -> NDArray[Any]:
        """The same: what is stored isn't what is read."""
        return self.read(tensor)

    def pick(self, tensor: StoredTensor, rows: Iterable[int]) -> NDArray[Any]:
        """Some rows of a matrix whose rows are in one order in both formats.

        Raises:
            UsageError: as above.
        """
        return self._rows.pick(self._places[tensor.name][0], rows)

    def _first_row(self, tensor: StoredTensor) -> int:
        whole = self.tensors[tensor.name]
        return (tensor.start - whole.start) // (whole.nbytes // whole.shape[0])

    def _rows_of_a_head(self, name: str) -> int:
        """Rows that only together can be put into transformers' order."""
        heads = rotated_heads(name, self._model)
        return self.tensors[name].shape[0] // heads if heads else 1


def _shift(name: str, model: ModelConfig) -> float:
    """What llama.cpp adds to the weights of norms when a model is converted."""
    return model.family.norms.shift if name.endswith("norm.weight") else 0.0
