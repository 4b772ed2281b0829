"""Settings of the engine that takes time and computes nothing."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic.dataclasses import dataclass

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.variants import BIAS, SHARED, VARIANTS
from pipeline.engines.paced.options import PacedOptions
from pipeline.engines.settings import Serving
from pipeline.errors import UsageError
from pipeline.inference.capabilities import Capabilities
from pipeline.inference.engine import Engine
from pipeline.models.checkpoint import Checkpoint
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class PacedSettings(PacedOptions):
    """Settings of `engine=paced`; limits are as those of `multilora`."""

    computes: ClassVar[bool] = False
    capabilities: ClassVar[Capabilities] = Capabilities(
        stream=True,
        mixes_adapters=True,
        cancels=True,
        per_request_sampling=True,
        adds_adapters=True,
    )
    variants: ClassVar[frozenset[str]] = frozenset({BIAS, SHARED, *VARIANTS})

    def build(self, serving: Serving) -> Engine:
        """The engine, not yet entered."""
        from pipeline.engines.paced.engine import Paced

        return Paced(self, serving)

    def check(self, checkpoint: Checkpoint, adapters: Mapping[str, Adapter]) -> None:
        """Anything is served that fits.

        Raises:
            UsageError: an adapter alone has more ranks than there is room for.
        """
        super().check(checkpoint, adapters)
        for name, adapter in adapters.items():
            if self.adapter_ranks is not None and adapter.lora.max_rank > self.adapter_ranks:
                raise UsageError(
                    f"engine.adapter_ranks={self.adapter_ranks}: {name} alone has "
                    f"{adapter.lora.max_rank}; raise it"
                )
