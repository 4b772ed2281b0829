"""Updates of single experts, and of all of a layer's as one parameter has them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.adapters.lora_file import PREFIX, LoraFile
from pipeline.errors import UsageError
from pipeline.models.safetensors_file import as_float32
from pipeline.models.safetensors_header import StoredTensor
from pipeline.models.weights import OpenWeights

Read = Callable[[OpenWeights], NDArray[Any]]
Made = dict[str, tuple[str, tuple[int, ...], Read]]
"""Type and shape of each of PEFT's tensors, and how it is read, by name."""
MOST = 1 << 28
"""Numbers of one tensor: a gigabyte while it is made, of which a file may hold little."""


@dataclass(frozen=True)
class ExpertUpdate:
    """Of one module: names of A and B, where they lie, and what B·A is multiplied by."""

    names: tuple[str, str]
    a: StoredTensor
    b: StoredTensor
    scaling: float

    @classmethod
    def of(
        cls, lora: LoraFile, stored: Mapping[str, StoredTensor], module: str, size: tuple[int, int]
    ) -> Self:
        """As the configuration asks for it.

        Raises:
            UsageError: a tensor is missing, or of another shape.
        """
        rank = lora.rank(module)
        a, b = names = (f"{PREFIX}{module}.lora_A.weight", f"{PREFIX}{module}.lora_B.weight")
        for name, shape in ((a, (rank, size[1])), (b, (size[0], rank))):
            if name not in stored:
                raise UsageError(
                    f"{lora.folder}: no tensor {name}, which its configuration asks for; it is cut "
                    "short, or made for another model"
                )
            if stored[name].shape != shape:
                raise UsageError(
                    f"{lora.folder}: {name} is {[*stored[name].shape]}, this model and its "
                    f"configuration need {[*shape]}"
                )
        return cls(names, stored[a], stored[b], lora.scaling(module))

    @property
    def rank(self) -> int:
        """Rows of A."""
        return self.a.shape[0]


@dataclass(frozen=True)
class ExpertStack:
    """All experts of a parameter: of each the updates of its parts, which lie above one another."""

    experts: tuple[tuple[ExpertUpdate | None, ...], ...]
    outputs: int
    inputs: int

    @property
    def present(self) -> list[ExpertUpdate]:
        """Those that are there."""
        return [part for parts in self.experts for part in parts if part is not None]

    @property
    def scaling(self) -> float:
        """Of all; where theirs differ B makes up for it."""
        return max((each.scaling for each in self.present), key=abs)

    @property
    def ranks(self) -> tuple[int, ...]:
        """Of each part, the highest of any expert's."""
        columns = zip(*self.experts, strict=True)
        return tuple(max((each.rank for each in part if each), default=0) for part in columns)

    @property
    def rank(self) -> int:
        """Of all parts together."""
        return sum(self.ranks)

    def tensors(self, a: str, b: str) -> Made:
        """As they are stored, unless that would round anew.

        Raises:
            UsageError: experts that aren't adapted, or of a lower rank, make them too large.
        """
        ranks = self.rank * len(self.experts)
        if ranks * max(self.inputs, self.outputs) > MOST:
            raise UsageError(
                f"{self.present[0].a.path}: {a} would be of rank {self.rank} for each of "
                f"{len(self.experts)} experts; adapt them with a lower rank"
            )
        half = all(each.dtype == "F16" for update in self.present for each in (update.a, update.b))
        half &= {update.scaling for update in self.present} == {self.scaling}
        dtype, type_ = ("F16", np.float16) if half else ("F32", np.float32)
        return {
            a: (
                *(dtype, (ranks, self.inputs)),
                lambda opened: self._a(opened).astype(type_),
            ),
            b: (
                *(dtype, (self.outputs, ranks)),
                lambda opened: self._b(opened).astype(type_),
            ),
        }

    def _parts(self) -> Iterator[tuple[int, int, int, ExpertUpdate]]:
        """Of each that is there: its expert, its first rank, its number among the parts."""
        for expert, parts in enumerate(self.experts):
            for number, update in enumerate(parts):
                if update is not None:
                    yield expert, sum(self.ranks[:number]), number, update

    def _a(self, opened: OpenWeights) -> NDArray[Any]:
        made = np.zeros((len(self.experts), self.rank, self.inputs), np.float32)
        for expert, first, _, update in self._parts():
            made[expert, first : first + update.rank] = as_float32(opened.read(update.a))
        return made.reshape(-1, self.inputs)

    def _b(self, opened: OpenWeights) -> NDArray[Any]:
        made = np.zeros((self.outputs, self.rank, len(self.experts)), np.float32)
        for expert, first, number, update in self._parts():
            row = number * update.b.shape[0]
            factor = np.float32(update.scaling / self.scaling) if self.scaling else np.float32(1)
            made[row : row + update.b.shape[0], first : first + update.rank, expert] = (
                as_float32(opened.read(update.b)) * factor
            )
        return made.reshape(self.outputs, -1)


def kept(tensor: StoredTensor) -> tuple[str, tuple[int, ...], Read]:
    """As it is stored."""
    return tensor.dtype, tensor.shape, lambda opened: opened.read(tensor)
