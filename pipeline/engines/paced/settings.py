"""Settings of the engine that takes time and computes nothing."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.variants import BIAS, SHARED, VARIANTS
from pipeline.engines.settings import EngineSettings, Serving
from pipeline.errors import UsageError
from pipeline.inference.capabilities import Capabilities
from pipeline.inference.engine import Engine
from pipeline.metrics.step_law import StepLaw
from pipeline.models.checkpoint import Checkpoint
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class PacedSettings(EngineSettings):
    """Settings of `engine=paced`; limits are as those of `multilora`.

    Attributes:
        name: what the user typed.
        precision: there are no numbers to be precise about.
        law: of the steps' seconds.
        load_s: seconds to bring an adapter into memory, behind the steps, one adapter at a time.
        max_batch_size: most requests that run together.
        prefill_tokens: most prompt tokens in a step.
        adapter_ranks: what adapters fit in memory together, as the sum of their ranks; None for
            all.
    """

    name: str
    precision: Literal["none"] = "none"
    law: StepLaw
    load_s: NonNegativeFloat = Field(0.0, le=3600)
    max_batch_size: PositiveInt = 32
    prefill_tokens: PositiveInt = 256
    adapter_ranks: PositiveInt | None = None
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
