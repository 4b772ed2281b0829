"""A Llama-family decoder over a ragged batch of tokens."""

from typing import Self

import torch
from torch import Tensor

from pipeline.engines.multilora.model_check import check_model
from pipeline.engines.multilora.packing import PackedLayer, PackedModel, pack_checkpoint
from pipeline.engines.multilora.sites import SITES
from pipeline.engines.multilora.workspace import Workspace
from pipeline.kernels.formats import (
    PANEL,
    ActivationDtype,
    Precision,
    WeightFormat,
    weight_format,
)
from pipeline.kernels.kernels import Kernels
from pipeline.kernels.kv_pool import KvPool
from pipeline.kernels.layout import panels
from pipeline.kernels.operands import Activations, ForwardPass, Heads
from pipeline.kernels.token_batch import TokenBatch
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig

QKV, OUTPUT, GATE_UP, DOWN = range(len(SITES))


class Decoder:
    """The order in which a step uses the weights.

    Attributes:
        config: dimensions of the model.
        kernels: what computes.
        weight_bytes: packed weights that a step reads.
        model_bytes: all weights as they are served, the input embedding included.
    """

    def __init__(
        self, shape: ModelConfig, model: PackedModel, format: WeightFormat, kernels: Kernels
    ) -> None:
        self.config, self.kernels = shape, kernels
        self.weight_bytes, self.model_bytes = model.bytes, model.served_bytes
        self._model, self._format = model, format
        self._frequencies = torch.from_numpy(shape.rope.frequencies(shape.head_dim))
        self._heads = Heads(shape.heads, shape.kv_heads, shape.head_dim)
        scale = shape.scales.attention
        self._query_scale = 1.0 if scale is None else scale * shape.head_dim**0.5
        self._space = self._no_space = Workspace.of(0, shape, format, kernels)

    @classmethod
    def load(
        cls,
        checkpoint: Checkpoint,
        precision: Precision,
        kernels: Kernels,
        activations: ActivationDtype | None = None,
    ) -> Self:
        """Read and pack a checkpoint.

        Args:
            checkpoint: the base model.
            precision: how the weights are stored.
            kernels: what computes.
            activations: what int8 weights are multiplied by; None takes what suits the kernels.

        Raises:
            UsageError: the model has something that this decoder doesn't compute.
        """
        check_model(checkpoint.config, str(checkpoint.folder))
        activations = activations or kernels.activation_dtype
        model = pack_checkpoint(checkpoint, precision, kernels, activations)
        return cls(checkpoint.config, model, weight_format(precision, activations), kernels)

    def new_pool(self, tokens: int) -> KvPool:
        """Room for the keys and values of that many positions."""
        return KvPool.for_tokens(tokens, self.config)

    @torch.inference_mode()
    def forward(self, batch: TokenBatch, pool: KvPool) -> Tensor:
        """One step over all tokens of the batch.

        Keys and values of the tokens are written into the pool.

        Returns:
            Logits of the rows `batch.outputs`, fp32 (outputs, vocabulary).
        """
        space = self._workspace(len(batch.tokens))
        turns = batch.positions.float()[:, None] * self._frequencies
        step = self.kernels.begin(batch, turns.cos(), turns.sin(), pool)
        space.residual.copy_(self._model.embedding[batch.tokens])
        _multiply_by(self.config.scales.embedding, space.residual)
        delta = None
        for index, layer in enumerate(self._model.layers):
            self._attention(index, layer, step, space, delta)
            self._feed_forward(index, layer, step, space)
            delta = space.delta
        return self._logits(batch.outputs, space)

    def _attention(
        self,
        index: int,
        layer: PackedLayer,
        step: ForwardPass,
        space: Workspace,
        delta: Tensor | None,
    ) -> None:
        kernels, normed, epsilon = self.kernels, space.normed, self.config.epsilon
        kernels.norm(space.residual, delta, layer.attention_norm, epsilon, normed)
        self._multiply(index, QKV, layer, step, normed, space.qkv)
        _multiply_by(self._query_scale, space.qkv[:, : self.config.heads * self.config.head_dim])
        kernels.rotate_and_store(space.qkv, step, index, self._heads, layer.head_norms)
        window = self.config.windows[index]
        kernels.attend(space.qkv, step, index, self._heads, window, space.attended)
        self._multiply(index, OUTPUT, layer, step, space.attended, space.delta)
        _multiply_by(self.config.scales.residual, space.delta)

    def _feed_forward(
        self, index: int, layer: PackedLayer, step: ForwardPass, space: Workspace
    ) -> None:
        kernels, normed, epsilon = self.kernels, space.normed, self.config.epsilon
        kernels.norm(space.residual, space.delta, layer.feed_forward_norm, epsilon, normed)
        self._multiply(index, GATE_UP, layer, step, normed, space.gate_up)
        kernels.gate(space.gate_up, space.gated)
        self._multiply(index, DOWN, layer, step, space.gated, space.delta)
        _multiply_by(self.config.scales.residual, space.delta)

    def _multiply(
        self,
        index: int,
        site: int,
        layer: PackedLayer,
        step: ForwardPass,
        x: Activations,
        out: Tensor,
    ) -> None:
        self.kernels.linear(x, layer.matrices[site], out)
        self.kernels.add_lora(x, step, index * len(SITES) + site, out)

    def _logits(self, outputs: Tensor, space: Workspace) -> Tensor:
        """Of the wanted rows alone; the last block's output is still to be added to them."""
        model, shape = self._model, self.config
        rows, delta = space.residual[outputs], space.delta[outputs]
        normed = self.kernels.activations(len(outputs), shape.hidden, model.head.format)
        self.kernels.norm(rows, delta, model.final_norm, shape.epsilon, normed)
        logits = torch.zeros(len(outputs), panels(shape.vocabulary) * PANEL)
        self.kernels.linear(normed, model.head, logits)
        _multiply_by(1 / shape.scales.logits, logits)
        if (cap := shape.scales.logits_cap) is not None:
            logits.div_(cap).tanh_().mul_(cap)
        return logits[:, : shape.vocabulary]

    def _workspace(self, tokens: int) -> Workspace:
        if len(self._space.residual) != tokens:
            self._space = self._no_space  # never two of them at a time
            self._space = Workspace.of(tokens, self.config, self._format, self.kernels)
        return self._space


def _multiply_by(scale: float, tensor: Tensor) -> None:
    """In place, in the families that have such a scale."""
    if scale != 1.0:
        tensor.mul_(scale)
