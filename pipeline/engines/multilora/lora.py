"""An adapter in memory, ready to be added to a batch."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from safetensors import safe_open
from torch import Tensor

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import PREFIX, WEIGHTS
from pipeline.engines.multilora.decoder import Decoder
from pipeline.engines.multilora.kernels.precision import AdapterDtype
from pipeline.engines.multilora.sites import SITES, columns_of, module_of
from pipeline.models.architecture import Architecture

Factor = tuple[int, Tensor, Tensor]
"""First output column in the site, A (rank, in), and B (out, rank) with the scaling in it."""


@dataclass(frozen=True, eq=False)
class LoadedAdapter:
    """One adapter's matrices for every site of the decoder."""

    name: str
    sites: tuple[tuple[Factor, ...], ...]

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        return sum(a.nbytes + b.nbytes for site in self.sites for _, a, b in site)

    def factors(self, site: int) -> Iterator[Factor]:
        """Of one site, fp32."""
        for column, a, b in self.sites[site]:
            yield column, a.float(), b.float()


def load_adapter(adapter: Adapter, decoder: Decoder, dtype: AdapterDtype = "fp16") -> LoadedAdapter:
    """Read an adapter from disk; safe to call beside a running step."""
    stored = {"fp32": torch.float32, "fp16": torch.float16, "int8": torch.float16}[dtype]
    architecture = decoder.architecture
    with safe_open(adapter.folder / WEIGHTS, framework="pt") as file:
        present = set(file.keys())

        def factors(layer: int, site: tuple[str, ...]) -> Iterator[Factor]:
            for projection, column in columns_of(site, architecture):
                module = module_of(layer, projection)
                if f"{PREFIX}{module}.lora_A.weight" in present:
                    a = file.get_tensor(f"{PREFIX}{module}.lora_A.weight").to(stored)
                    b = file.get_tensor(f"{PREFIX}{module}.lora_B.weight").float()
                    yield column, a, (b * adapter.lora.scaling(module)).to(stored)

        sites = tuple(
            tuple(factors(layer, site)) for layer in range(architecture.layers) for site in SITES
        )
    return LoadedAdapter(adapter.name, sites)


def adapter_bytes(
    adapter: Adapter, architecture: Architecture, dtype: AdapterDtype = "fp16"
) -> int:
    """Memory the adapter will take, known before it is read."""
    width = {"fp32": 4, "fp16": 2, "int8": 2}[dtype]
    return sum(rows * columns for rows, columns in adapter.lora.shapes.values()) * width
