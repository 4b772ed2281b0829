"""Settings that all engines around a transformers model have in common."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import ClassVar, Literal

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.adapters.adapter import Adapter
from pipeline.engines.needs import Need, cached, padded, projections, updates, vocabulary
from pipeline.engines.settings import EngineSettings, Serving
from pipeline.engines.transformers.batching import A, BatchPolicy, next_batch
from pipeline.inference.capabilities import Capabilities
from pipeline.inference.request import Request
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.quantization import Quantization
from pipeline.models.safetensors_copy import check_room
from pipeline.settings import STRICT

WIDTHS = {"fp32": 4, "bf16": 2}
"""Bytes of a number."""

STORED = {Quantization.INT8: 1.0, Quantization.NF4: 0.5}
"""Bytes of a projection's weight, where it isn't kept as the activations are."""

ADAPTER_WIDTH = 4
"""Adapters are kept in float32, however they are saved."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class StaticSettings(EngineSettings):
    """What all static engines have in common.

    Attributes:
        name: what the user typed.
        precision: of weights and activations.
        policy: `fcfs` or `grouped`.
        max_batch_size: most requests in a batch; None takes all that wait.
        resident_adapters: most adapters in memory; None keeps all.
    """

    name: str
    precision: Literal["fp32", "bf16"] = "fp32"
    policy: BatchPolicy = BatchPolicy.GROUPED
    max_batch_size: PositiveInt | None = None
    resident_adapters: PositiveInt | None = None
    capabilities: ClassVar[Capabilities] = Capabilities(
        cancels=True, per_request_sampling=True, logprobs=True, adds_adapters=True
    )

    def next_batch(self, waiting: Sequence[A]) -> list[A]:
        """The requests to serve together now, of those that wait, at least one."""
        mixes = self.capabilities.mixes_adapters
        return next_batch(waiting, self.policy, self.max_batch_size, mixes, self.resident_adapters)

    def check(self, checkpoint: Checkpoint, adapters: Mapping[str, Adapter]) -> None:
        """Weights that transformers can't read where they lie are written anew, if there is room.

        Raises:
            UsageError: there is none, or an adapter can't be served.
        """
        super().check(checkpoint, adapters)
        check_room(checkpoint)

    def needs(self, serving: Serving, together: Sequence[Request]) -> Sequence[Need]:
        """The weights, the adapters, and what the first batch leaves and makes on its way."""
        shape, width = serving.checkpoint.config, WIDTHS[self.precision]
        stored = STORED.get(serving.quantization, width)
        rows = vocabulary(shape) * (1 if shape.tied else 2)
        resident = islice(serving.adapters.values(), self.resident_adapters)
        batch = self.next_batch(together) if together else []
        answers = all(each.sampling.ignore_eos for each in batch)
        kept = cached(shape, padded(batch, answers), width)
        made = 2 * width * shape.gated * padded(batch, answers=False)
        return (
            Need(f"weights in {self.precision}", int(projections(shape) * stored + rows * width)),
            Need("adapters (engine.resident_adapters)", updates(resident, ADAPTER_WIDTH)),
            Need(f"a batch of {len(batch)} (engine.max_batch_size)", kept + made),
        )
