"""What a block of experts computes in place of one feed-forward block, as operations."""

from collections.abc import Iterator
from dataclasses import replace

from pipeline.engines.multilora.packed_model import PackedExperts
from pipeline.engines.multilora.sites import (
    DOWN,
    EXPERTS_DOWN,
    EXPERTS_GATE_UP,
    GATE_UP,
    ROUTER,
)
from pipeline.kernels.formats import PANEL, WeightFormat
from pipeline.kernels.layout import panels
from pipeline.kernels.operands import Activation, Routing
from pipeline.kernels.program import (
    AddExpertLora,
    AddLora,
    Buffer,
    Combine,
    Dispatch,
    ExpertLinear,
    Gate,
    Linear,
    Operation,
    Route,
)
from pipeline.models.config import ModelConfig
from pipeline.models.expert_layers import ExpertLayers


def expert_buffers(shape: ModelConfig, format: WeightFormat) -> dict[str, Buffer]:
    """Those of such blocks alone, if the model has any.

    Args:
        shape: its configuration.
        format: of the experts' matrices.
    """
    if (its := shape.experts) is None:
        return {}
    found = {
        "scores": written(its.count + bool(its.shared)),
        "routes": Buffer(_routing(its).columns),
        "dispatched": Buffer(shape.hidden, format, times=its.used),
        "expert_gate_up": replace(written(2 * its.width), times=its.used),
        "expert_gated": Buffer(its.width, format, times=its.used),
        "expert_delta": replace(written(shape.hidden), times=its.used),
    }
    if its.shared:
        found |= {
            "shared_gate_up": written(2 * its.shared),
            "shared_gated": Buffer(its.shared, format),
            "shared_delta": written(shape.hidden),
        }
    return found


def expert_block(
    its: ExpertLayers,
    weights: PackedExperts,
    normed: str,
    exact: str,
    activation: Activation,
    first: int,
) -> Iterator[Operation]:
    """From the norm of the block's input to what is added to the residual, in `delta`.

    Args:
        its: how many there are and are used.
        weights: of the layer's.
        normed: the buffer with the input as experts read it.
        exact: that with the input as it is, by which they are chosen.
        activation: of their gates.
        first: number of the layer's first site.
    """
    routing, shared = _routing(its), None
    yield Linear(exact, weights.router, "scores")
    yield AddLora(exact, first + ROUTER, "scores")
    yield Route("scores", routing, "routes")
    yield Dispatch(normed, "routes", routing, "dispatched")
    yield ExpertLinear("dispatched", "routes", routing, weights.gate_up, "expert_gate_up")
    yield AddExpertLora(
        normed, "routes", routing, first + EXPERTS_GATE_UP, "expert_gate_up", dispatched=False
    )
    yield Gate("expert_gate_up", "expert_gated", activation)
    yield ExpertLinear("expert_gated", "routes", routing, weights.down, "expert_delta")
    yield AddExpertLora(
        "expert_gated", "routes", routing, first + EXPERTS_DOWN, "expert_delta", dispatched=True
    )
    if weights.shared is not None:
        (gate_up, down), shared = weights.shared, "shared_delta"
        yield Linear(normed, gate_up, "shared_gate_up")
        yield AddLora(normed, first + GATE_UP, "shared_gate_up")
        yield Gate("shared_gate_up", "shared_gated", activation)
        yield Linear("shared_gated", down, shared)
        yield AddLora("shared_gated", first + DOWN, shared)
    yield Combine("expert_delta", "routes", routing, shared, "delta")


def written(columns: int) -> Buffer:
    """By a matrix: whole panels."""
    return Buffer(panels(columns) * PANEL)


def _routing(its: ExpertLayers) -> Routing:
    return Routing(its.count, its.used, its.normalised)
