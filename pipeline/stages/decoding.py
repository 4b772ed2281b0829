"""The decode steps of a run and what they need, for the roofline."""

from math import prod

from pipeline.inference.engine import Engine
from pipeline.metrics.resources import stage_seconds
from pipeline.metrics.roofline import Costs, Decoding, decode_steps
from pipeline.metrics.timeline import Timeline
from pipeline.models.config import ModelConfig
from pipeline.stages.prepare import Prepared

WIDE, NARROW = 4, 2
"""Bytes of an activation, and of an adapter's weight: those of fp32, else of 16 bits."""


def decoding(prepared: Prepared, timeline: Timeline, engine: Engine) -> Decoding | None:
    """The executed decode steps, their time (stages decode and sample) and their costs.

    None where the engine marks no decode stage, made no second token, or can't say what a step
    must read.
    """
    seconds = stage_seconds(timeline.iterations)
    steps = decode_steps(timeline.requests)
    if engine.weight_bytes is None or not steps or not seconds["stage_seconds/decode"]:
        return None
    taken = seconds["stage_seconds/decode"] + seconds["stage_seconds/sample"]
    return Decoding(steps, taken, costs(prepared, engine.weight_bytes))


def costs(prepared: Prepared, weight_bytes: int) -> Costs:
    """What a decode step needs, from the model's shape and the bytes of its weights.

    An engine with weights of 32 bits is taken to keep the cache and the adapters so too, any
    other in 16 bits, which is the least that engines do.
    """
    shape = prepared.checkpoint.config
    parameters = _parameters(shape)
    width = WIDE if weight_bytes > 3 * parameters else NARROW
    return Costs(
        parameters=parameters,
        weight_bytes=weight_bytes,
        kv_bytes=2 * shape.layers * shape.kv_heads * shape.head_dim * width,
        attention_operations=4 * shape.layers * shape.heads * shape.head_dim,
        adapters={
            each.name: sum(map(prod, each.lora.shapes.values())) for each in prepared.adapters
        },
        adapter_bytes=width,
    )


def _parameters(shape: ModelConfig) -> int:
    """Of the matrices that every token is multiplied by: projections and the output layer."""
    projections = sum(out * in_ for out, in_ in shape.modules().values())
    return projections + shape.vocabulary * shape.hidden
