"""What a simulated replica is allowed: settings of `replica`."""

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class ReplicaSettings:
    """Settings of `replica`, each as the engine's of the same name.

    Attributes:
        max_batch_size: most requests that run together.
        prefill_tokens: most prompt tokens in a step.
        adapter_ranks: what adapters fit in memory together, as the sum of their ranks; None for
            all. The engine counts bytes, of which every rank takes as many.
    """

    max_batch_size: PositiveInt
    prefill_tokens: PositiveInt
    adapter_ranks: PositiveInt | None
