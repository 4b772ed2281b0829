"""An adapter in memory, ready to be added to a batch."""

from dataclasses import dataclass

from pipeline.kernels.lora_layout import PackedAdapter


@dataclass(frozen=True, eq=False)
class LoadedAdapter:
    """One adapter's matrices for every site of the decoder."""

    name: str
    packed: PackedAdapter

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        return self.packed.bytes
