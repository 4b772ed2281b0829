"""An adapter in memory, ready to be added to a batch."""

from collections.abc import Iterator
from dataclasses import dataclass

from safetensors import safe_open

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import PREFIX, WEIGHTS
from pipeline.engines.multilora.decoder import Decoder
from pipeline.engines.multilora.kernels.lora_layout import (
    SITE,
    PackedAdapter,
    Part,
    pack_adapter,
    packed_bytes,
)
from pipeline.engines.multilora.kernels.precision import AdapterDtype
from pipeline.engines.multilora.sites import SITES, columns_of, module_of
from pipeline.models.architecture import Architecture


@dataclass(frozen=True, eq=False)
class LoadedAdapter:
    """One adapter's matrices for every site of the decoder."""

    name: str
    packed: PackedAdapter

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        return self.packed.bytes


def load_adapter(adapter: Adapter, decoder: Decoder, dtype: AdapterDtype = "fp16") -> LoadedAdapter:
    """Read an adapter from disk; safe to call beside a running step."""
    return LoadedAdapter(adapter.name, pack_adapter(_sites(adapter, decoder.architecture), dtype))


def adapter_bytes(
    adapter: Adapter, architecture: Architecture, dtype: AdapterDtype = "fp16"
) -> int:
    """Memory the adapter will take, known before it is read."""
    size = SITE.itemsize * architecture.layers * len(SITES)
    for layer in range(architecture.layers):
        for site in SITES:
            ranks = columns = 0
            for projection, _ in columns_of(site, architecture):
                name = f"{PREFIX}{module_of(layer, projection)}"
                if f"{name}.lora_A.weight" in adapter.lora.shapes:
                    rank, columns = adapter.lora.shapes[f"{name}.lora_A.weight"]
                    ranks += rank
                    rows, rank = adapter.lora.shapes[f"{name}.lora_B.weight"]
                    size += packed_bytes(rows, rank, dtype)
            size += packed_bytes(ranks, columns, dtype)
    return size


def _sites(adapter: Adapter, architecture: Architecture) -> Iterator[list[Part]]:
    with safe_open(adapter.folder / WEIGHTS, framework="pt") as file:
        for layer in range(architecture.layers):
            for site in SITES:
                parts = []
                for projection, column in columns_of(site, architecture):
                    module = module_of(layer, projection)
                    if f"{PREFIX}{module}.lora_A.weight" in adapter.lora.shapes:
                        a = file.get_tensor(f"{PREFIX}{module}.lora_A.weight")
                        b = file.get_tensor(f"{PREFIX}{module}.lora_B.weight").float()
                        parts.append(Part(column, a, b * adapter.lora.scaling(module)))
                yield parts
