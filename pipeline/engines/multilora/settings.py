"""Settings of our own engine: whether what it is told can be had, and the engine."""

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import ClassVar

from pydantic.dataclasses import dataclass

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.variants import BIAS, EXPERTS, RESIZED, SHARED, TABLES
from pipeline.engines.multilora.kv_cache import bytes_per_token
from pipeline.engines.multilora.model_check import check_model
from pipeline.engines.multilora.options import MEGABYTE, MultiloraOptions
from pipeline.engines.needs import Need, projections, updates, vocabulary
from pipeline.engines.paged.queue_order import QueuePolicy
from pipeline.engines.settings import Serving
from pipeline.errors import UsageError
from pipeline.inference.capabilities import Capabilities
from pipeline.inference.engine import Engine
from pipeline.inference.request import Request
from pipeline.kernels.abi import ABI
from pipeline.kernels.formats import EDGE_PRECISION, FORMATS, NUMBER_FORMATS
from pipeline.kernels.instruction_sets import chosen
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig
from pipeline.models.family import QKV
from pipeline.models.quantization import Quantization
from pipeline.settings import STRICT

MAX_CHUNKS, GATE_CHUNK = (ABI.constants[each] for each in ("MAX_CHUNKS", "GATE_CHUNK"))
"""Of the kernels: pieces of a loop at most, and columns of a piece of the gate."""

COARSER = ("fp32", "fp16", "int8", "int4")
"""From the finest on."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class MultiloraSettings(MultiloraOptions):
    """What our own engine serves, and what it can't."""

    variants: ClassVar[frozenset[str]] = frozenset(
        {"use_dora", "lora_bias", "modules_to_save", BIAS, EXPERTS, RESIZED, SHARED, *TABLES}
    )
    capabilities: ClassVar[Capabilities] = Capabilities(
        stream=True,
        mixes_adapters=True,
        cancels=True,
        per_request_sampling=True,
        logprobs=True,
        prompt_logprobs=True,
        adds_adapters=True,
        constrains=True,
    )

    def idle(self) -> Mapping[str, str]:
        """Where nobody overtakes, nobody is patient; fp32 weights leave activations as they are."""
        found = {}
        if self.policy is not QueuePolicy.ADAPTER_AWARE:
            found["patience"] = "it counts under engine.policy=adapter_aware alone"
        if self.precision == "fp32":
            found["activations"] = "fp32 weights are multiplied by fp32; engine.precision=int8 asks"
        return found

    @property
    def batch_invariant(self) -> bool:
        """The native kernels add up every row in one order; PyTorch's order depends on the rows."""
        return self.kernels == "native"

    def coarsest(self, quantization: Quantization) -> str:
        """That of the base, of the adapters, or of keys and values."""
        return max(self.precision, self.adapter_dtype, self.kv_dtype, key=COARSER.index)

    def build(self, serving: Serving) -> Engine:
        """The engine, not yet entered."""
        from pipeline.engines.multilora.engine import Multilora

        return Multilora(self, serving)

    def check(self, checkpoint: Checkpoint, adapters: Mapping[str, Adapter]) -> None:
        """LoRA is served, with DoRA, biases and whole matrices, on models the decoder computes.

        Raises:
            UsageError: the model or an adapter is of another kind, an adapter alone is larger than
                the budget, or `MULTILORA_ISA` names an instruction set that isn't there.
        """
        if self.kernels == "native":
            chosen()
        check_model(checkpoint.config, str(checkpoint.folder))
        self._check_steps(checkpoint.config)
        super().check(checkpoint, adapters)
        self._check_whole(checkpoint.config, adapters)
        if self.adapter_bytes is not None:
            self._check_budget(checkpoint.config, adapters.values(), self.adapter_bytes)

    def check_length(self, model: ModelConfig, positions: int) -> None:
        """The pool holds so many, if a setting says how many; a rotary embedding stays as it is.

        Raises:
            UsageError: a sequence is longer.
        """
        if positions > model.steady:
            raise UsageError(
                f"engine={self.name}: the longest request needs {positions} positions, and beyond "
                f"{model.steady} this model's rotary embedding is another ({model.rope.kind}), "
                "which multilora doesn't change to; use engine=peft_mixed, or shorter requests"
            )
        if self.kv_tokens is not None and positions > self.kv_tokens:
            raise UsageError(
                f"engine.kv_tokens={self.kv_tokens}: the longest request needs {positions} "
                "positions; raise it"
            )

    def needs(self, serving: Serving, together: Sequence[Request]) -> Sequence[Need]:
        """Packed weights, adapters within their budget, the pool, and the first step's tokens.

        A pool of a size that nobody set fits by itself.
        """
        shape = serving.checkpoint.config
        tables = 1 if shape.tied or self.precision == "fp32" else 2
        first = sum(prod(shape.projection_shape(name)) for name in QKV)
        edge = (first + tables * vocabulary(shape)) * _bytes(EDGE_PRECISION[self.precision])
        packed = (projections(shape) - first) * _bytes(self.precision) + edge
        adapters = updates(serving.adapters.values(), NUMBER_FORMATS[self.adapter_dtype].bits // 8)
        pool = (self.kv_tokens or 0) * bytes_per_token(shape, self.kv_dtype)
        row = 2 * shape.hidden + 2 * shape.gated
        prompts = sum(len(each.prompt_ids or ()) for each in together[: self.max_batch_size])
        step = 4 * row * min(prompts, self.prefill_tokens)
        return (
            Need(f"weights in {self.precision}", int(packed)),
            Need(
                "adapters (engine.adapter_memory_mb)", min(adapters, self.adapter_bytes or adapters)
            ),
            Need(f"keys and values (engine.kv_tokens={self.kv_tokens})", pool),
            Need(f"a step (engine.prefill_tokens={self.prefill_tokens})", step),
        )

    def _check_steps(self, model: ModelConfig) -> None:
        """The kernels number what a step shares out among threads: tokens by heads or columns."""
        experts = model.experts.used if model.experts else 1
        shares = max(model.kv_heads, model.gated // GATE_CHUNK + experts)
        tokens, most = self.prefill_tokens + self.max_batch_size, (MAX_CHUNKS - 1) // shares
        if tokens > most:
            raise UsageError(
                f"engine.prefill_tokens={self.prefill_tokens}: with engine.max_batch_size="
                f"{self.max_batch_size} a step may have {tokens} tokens, and of this model the "
                f"kernels take {most}; lower them"
            )

    def _check_whole(self, model: ModelConfig, adapters: Mapping[str, Adapter]) -> None:
        from pipeline.engines.multilora.whole_modules import other_than_a_matrix

        for name, adapter in adapters.items():
            if found := other_than_a_matrix(adapter.lora, model):
                raise UsageError(
                    f"engine={self.name} can't serve {name} (modules_to_save: {found}, which is "
                    "no matrix); use engine=peft_hotswap"
                )

    def _check_budget(self, model: ModelConfig, adapters: Iterable[Adapter], budget: int) -> None:
        from pipeline.engines.multilora.lora import LoadPlan

        for adapter in adapters:
            size = LoadPlan.of(adapter, model, self.adapter_dtype).bytes
            if size > budget:
                raise UsageError(
                    f"engine.adapter_memory_mb={budget / MEGABYTE:g}: {adapter.name} alone needs "
                    f"{size / MEGABYTE:.3g}; raise it"
                )


def _bytes(precision: str) -> float:
    """Of a weight, whatever it is multiplied by."""
    return FORMATS[precision].stored_bits / 8
