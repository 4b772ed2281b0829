"""What an adapter adds to all experts of a layer, read from its file.

PEFT keeps it as two matrices (`target_parameters`): of A an expert has neighbouring rows, of B each
column that is a whole number of experts after its first.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.adapters.adapter import Adapter
from pipeline.kernels.packed_adapter import PackedAdapter
from pipeline.models.safetensors_file import as_float32


@dataclass(frozen=True, eq=False)
class ExpertUpdates:
    """Of one adapter.

    Attributes:
        adapter: which.
        paths: of the parameters that it adapts, by the numbers of their sites.
        experts: of a layer.
    """

    adapter: Adapter
    paths: dict[int, str]
    experts: int

    def put(self, packed: PackedAdapter) -> None:
        """Put the matrices of every expert into their places.

        Raises:
            UsageError: the file isn't what it was when its header was read.
        """
        with self.adapter.lora.open() as opened:
            for site, path in self.paths.items():
                a, b = (
                    as_float32(opened.read(opened[name]))
                    for name in self.adapter.lora.update_names(path)
                )
                scaled = b * np.float32(self.adapter.lora.scaling(path))
                packed.put_experts(site, *split(a, scaled, self.experts))


def split(
    a: NDArray[np.float32], b: NDArray[np.float32], experts: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A (experts, rank, in) and B (experts, out, rank) of what PEFT keeps of a parameter."""
    return (
        a.reshape(experts, -1, a.shape[1]),
        b.reshape(len(b), -1, experts).transpose(2, 0, 1),
    )
