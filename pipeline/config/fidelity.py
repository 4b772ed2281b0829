"""How what was served is compared with a reference's answers."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated

from pydantic import Field, NonNegativeFloat, PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.engines.settings import EngineSettings
from pipeline.errors import UsageError
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Fidelity:
    """Whether the output is still right: against whom it is compared, on how much, how strictly.

    Attributes:
        reference: the engine that answers first, on the unquantised base.
        enabled: compare at all.
        adapters: most adapters to compare, those asked for first.
        requests_per_adapter: most requests of each.
        max_tokens: most tokens of each output.
        min_agreement: lowest `served_agreement` and `token_agreement` of any adapter; below it the
            run is INVALID. None takes the floor of the engine's precision.
        max_kl: highest `mean_kl` of any adapter, nats; above it the run is INVALID. None takes the
            limit of the engine's precision.
    """

    reference: EngineSettings
    enabled: bool = True
    adapters: PositiveInt = 8
    requests_per_adapter: PositiveInt = 2
    max_tokens: PositiveInt = 32
    min_agreement: Annotated[float, Field(ge=0, le=1)] | None = None
    max_kl: NonNegativeFloat | None = None

    def idle(self) -> Mapping[str, str]:
        """Without a comparison, whatever says how to compare."""
        if self.enabled:
            return {}
        why = "nothing is compared; fidelity.enabled=true would"
        return {each.name: why for each in fields(self) if each.name != "enabled"}

    def __post_init__(self) -> None:
        if not self.enabled and (self.min_agreement is not None or self.max_kl is not None):
            raise UsageError(
                "fidelity.enabled=false leaves nothing to hold fidelity.min_agreement or "
                "fidelity.max_kl against; unset them or enable it"
            )
