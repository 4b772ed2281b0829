"""Buffers of a step, taken once and shared by all layers."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.kernels.formats import PANEL, WeightFormat
from pipeline.kernels.kernels import Kernels
from pipeline.kernels.layout import panels
from pipeline.kernels.operands import Activations
from pipeline.models.config import ModelConfig


@dataclass(frozen=True, eq=False)
class Workspace:
    """What flows through the layers for a batch of M tokens.

    Attributes:
        residual: the residual stream (M, hidden).
        normed: its norm, input of q, k and v, of gate and up, and of the head.
        qkv: their outputs.
        attended: input of the output projection.
        gate_up: outputs of gate and up.
        gated: input of the down projection.
        delta: what a block adds to the residual stream.
    """

    residual: Tensor
    normed: Activations
    qkv: Tensor
    attended: Activations
    gate_up: Tensor
    gated: Activations
    delta: Tensor

    @classmethod
    def of(
        cls, tokens: int, model: ModelConfig, format: WeightFormat, kernels: Kernels
    ) -> "Workspace":
        """Buffers for that many tokens; outputs of matrices are whole panels wide."""
        queries = model.heads * model.head_dim
        qkv = queries + 2 * model.kv_heads * model.head_dim

        def activations(columns: int) -> Activations:
            return kernels.activations(tokens, columns, format)

        def output(columns: int) -> Tensor:
            return torch.zeros(tokens, panels(columns) * PANEL)

        return cls(
            residual=torch.zeros(tokens, model.hidden),
            normed=activations(model.hidden),
            qkv=output(qkv),
            attended=activations(queries),
            gate_up=output(2 * model.intermediate),
            gated=activations(model.intermediate),
            delta=output(model.hidden),
        )
