"""The forward passes of a run and what they need, for the roofline."""

from collections import Counter
from math import prod

from pipeline.inference.engine import Engine
from pipeline.metrics.resources import stage_seconds
from pipeline.metrics.roofline import Costs, Passes, decode_steps, prefill_steps
from pipeline.metrics.timeline import Timeline
from pipeline.models.config import ModelConfig
from pipeline.stages.prepare import Prepared


def passes(prepared: Prepared, timeline: Timeline, engine: Engine) -> tuple[Passes, ...]:
    """Decode steps (stages decode and sample) and, where it can be told apart, prefill.

    None where the engine marks no such stage, made no such token, or can't say what a step must
    read; and no prefill where a part of some prompt was found computed.
    """
    if engine.weight_bytes is None:
        return ()
    spent = stage_seconds(timeline.iterations)
    needed = costs(prepared, engine.weight_bytes, engine.kv_position_bytes)
    decode_s, prefill_s = (spent[f"stage_seconds/{each}"] for each in ("decode", "prefill"))
    decoding = decode_steps(timeline.requests) if decode_s else ()
    whole = not any(each.kv and each.kv.cached_tokens for each in timeline.iterations)
    prefilling = prefill_steps(timeline.requests) if prefill_s and whole else ()
    found = (
        Passes("decode", decoding, decode_s + spent["stage_seconds/sample"], needed),
        Passes("prefill", prefilling, prefill_s, needed),
    )
    return tuple(each for each in found if each.steps)


def costs(prepared: Prepared, weight_bytes: int, kv_position_bytes: int | None = None) -> Costs:
    """What a step needs, from the model's shape and the bytes of weights, keys and values.

    An engine is taken to multiply, and to keep the adapters, and the cache if it doesn't tell, in
    32 bits where its weights have so many, in 16 where they have 16, and else in 8, which is the
    least that engines do: so a bound is never too high. Of experts a step reads those of one token
    at the least.
    """
    shape = prepared.checkpoint.config
    head = shape.vocabulary * shape.hidden
    bits = _bits(weight_bytes / (shape.linear + head))
    position = 2 * shape.layers * shape.kv_heads * shape.head_dim * bits // 8
    return Costs(
        projections=shape.linear_used,
        head=head,
        weight_bytes=weight_bytes * (shape.linear_used + head) // (shape.linear + head),
        weight_bits=bits,
        kv_bytes=(kv_position_bytes or position) // shape.layers,
        attention_operations=4 * shape.heads * shape.head_dim,
        windows=_windows(shape),
        adapters={
            each.name: sum(map(prod, each.lora.shapes.values())) for each in prepared.adapters
        },
        adapter_bytes=bits // 8,
    )


def _bits(bytes_per_weight: float) -> int:
    """Of weights that take so much with their scales."""
    if bytes_per_weight > 3:
        return 32
    return 16 if bytes_per_weight > 1.5 else 8


def _windows(shape: ModelConfig) -> dict[int | None, int]:
    """Layers by how far they see."""
    return dict(Counter(shape.windows or (None,) * shape.layers))
