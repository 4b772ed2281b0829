"""Each kernel in plain PyTorch: what the native ones must compute, and their stand-in."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.inference.backend import Backend, torch_backend
from pipeline.kernels import layout
from pipeline.kernels.formats import PANEL, ActivationDtype, WeightFormat
from pipeline.kernels.interpreter import InterpretedProgram
from pipeline.kernels.kernels import Kernels
from pipeline.kernels.kv_pool import KvPool
from pipeline.kernels.layout import Matrix
from pipeline.kernels.lora_layout import AdapterLayout
from pipeline.kernels.lora_source import tensors
from pipeline.kernels.operands import (
    Activation,
    Activations,
    ForwardPass,
    HeadNorms,
    Heads,
    Routing,
    Turn,
)
from pipeline.kernels.packed_adapter import PackedAdapter, pack_tensors
from pipeline.kernels.program import Program
from pipeline.kernels.quantise import quantised_activations, quantised_vectors
from pipeline.kernels.token_batch import TokenBatch

_ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "silu": torch.nn.functional.silu,
    "gelu_tanh": partial(torch.nn.functional.gelu, approximate="tanh"),
}


class ReferenceKernels(Kernels):
    """Slow, and short enough to be believed."""

    def __init__(self, fallback: str | None = None) -> None:
        """Ready at once.

        Args:
            fallback: why it stands in for the native kernels; None where it was asked for.
        """
        self._fallback = fallback

    @property
    def backend(self) -> Backend:
        """PyTorch's, under our own name."""
        return replace(torch_backend(), kernels="reference", fallback=self._fallback)

    @property
    def activation_dtype(self) -> ActivationDtype:
        """The finest."""
        return "int16"

    def pack(
        self, pieces: Iterable[Tensor], rows: int, columns: int, format: WeightFormat
    ) -> Tensor:
        """Piece by piece, so that never two copies of the weights are held."""
        size = (layout.panels(rows), layout.panel_bytes(columns, format))
        data, done = torch.empty(size, dtype=torch.uint8), 0
        for piece in pieces:
            count = layout.panels(len(piece))
            data[done : done + count] = layout.pack(piece, format)
            done += count
        return data

    def look_up(self, matrix: Matrix, rows: Tensor) -> Tensor:
        """From their panels, unpacked whole."""
        if not len(rows):
            return torch.empty(0, matrix.columns)
        if not 0 <= rows.min() <= rows.max() < matrix.rows:
            raise ValueError("a row beyond the matrix")
        wanted, places = torch.unique(rows.long() // PANEL, return_inverse=True)
        data = matrix.data[wanted]
        panels = layout.unpack(Matrix(matrix.format, len(data) * PANEL, matrix.columns, data))
        return panels[places * PANEL + rows % PANEL]

    def read_adapter(
        self, file: int, sources: NDArray[Any], layout: AdapterLayout
    ) -> PackedAdapter:
        """Tensor by tensor, in NumPy, which keeps to the calling thread."""
        return pack_tensors(layout, tensors(file, sources), sources)

    def activations(self, rows: int, columns: int, format: WeightFormat) -> Activations:
        """Values alone: what is to be quantised is quantised where it is used."""
        return Activations(format, torch.zeros(rows, columns), torch.empty(0, dtype=torch.uint8))

    def prepare(self, program: Program, tokens: int) -> InterpretedProgram:
        """Operation by operation."""
        return InterpretedProgram(program, self)

    def begin(self, batch: TokenBatch, cosines: Tensor, sines: Tensor, pool: KvPool) -> ForwardPass:
        """Nothing but the parts."""
        return ForwardPass(batch, cosines, sines, pool)

    def fill(self, out: Activations, values: Tensor) -> None:
        """A copy."""
        out.values.copy_(values)

    def norm(
        self,
        residual: Tensor,
        delta: Tensor | None,
        weight: Tensor | None,
        epsilon: float,
        out: Activations,
    ) -> None:
        """X / √(mean(x²) + ε) · weight."""
        if delta is not None:
            residual += delta[:, : residual.shape[1]]
        normed = residual if weight is None else _rms_norm(residual, weight, epsilon)
        out.values.copy_(normed)

    def gate(self, gate_up: Tensor, out: Activations, activation: Activation = "silu") -> None:
        """activation(gate) · up."""
        width = out.values.shape[1]
        gate, up = gate_up[:, :width], gate_up[:, width : 2 * width]
        out.values.copy_(_ACTIVATIONS[activation](gate) * up)

    def linear(self, x: Activations, matrix: Matrix, out: Tensor) -> None:
        """With the weights and the activations that their integers stand for."""
        result = _as_integers(x.values, matrix) @ layout.unpack(matrix).T
        if matrix.bias is not None:
            result += matrix.bias[: matrix.rows]
        out[:, : matrix.rows] = result

    def add_lora(self, x: Activations, step: ForwardPass, site: int, out: Tensor) -> None:
        """X · Aᵀ · Bᵀ, projection by projection, and then what is done to the sum's columns."""
        for segment in step.batch.segments:
            if segment.adapter is None:
                continue
            rows = slice(segment.start, segment.stop)
            for part in segment.adapter.parts(site, x.values.shape[1]):
                columns = slice(part.column, part.column + len(part.b))
                out[rows, columns] += x.values[rows] @ part.a.T @ part.b.T
                if part.affine is not None:
                    out[rows, columns] *= part.affine[0]
                    out[rows, columns] += part.affine[1]

    def rotate_and_store(
        self,
        qkv: Tensor,
        step: ForwardPass,
        layer: int,
        heads: Heads,
        norms: HeadNorms | None,
        turn: Turn,
    ) -> None:
        """Halves of a head are the two parts of a complex number."""
        queries, keys, values = _split(qkv, heads)
        if norms is not None:
            queries.copy_(_rms_norm(queries, norms.query, norms.epsilon))
            keys.copy_(_rms_norm(keys, norms.key, norms.epsilon))
        angles = slice(turn.first, turn.first + turn.pairs)
        tables = (step.cosines, step.sines)
        cosines, sines = (each[step.batch.positions, None, angles] for each in tables)
        for vectors in (queries, keys):
            turned = vectors[..., : 2 * turn.pairs]
            turned.copy_(_rotated(turned, cosines, sines))
        block, offset = _places(step)
        pool = step.pool
        if pool.format.scale_bits:
            keys, pool.key_scales[block, layer, :, offset] = quantised_vectors(keys, pool.format)
            values, pool.value_scales[block, layer, :, offset] = quantised_vectors(
                values, pool.format
            )
        pool.keys[block, layer, :, :, offset] = keys.to(pool.keys.dtype)
        pool.values[block, layer, :, offset, : heads.width] = values.to(pool.values.dtype)

    def attend(
        self,
        qkv: Tensor,
        step: ForwardPass,
        layer: int,
        heads: Heads,
        window: int | None,
        out: Activations,
        scale: float | None = None,
        limit: float | None = None,
    ) -> None:
        """Sequence by sequence."""
        queries, _, _ = _split(qkv, heads)
        for sequence in torch.unique(step.batch.sequences):
            mine = (step.batch.sequences == sequence).nonzero()[:, 0]
            positions = step.batch.positions[mine]
            length = int(positions.max()) + 1
            keys, values = _context(step.pool, layer, step.batch.block_table[sequence], length)
            ages = positions[:, None] - torch.arange(length)
            seen = (ages >= 0) & (ages < (window or length))
            grouped = queries[mine].reshape(len(mine), heads.keys, -1, heads.width)
            scores = torch.einsum("tkgd,kld->kgtl", grouped, keys) * (scale or heads.width**-0.5)
            if limit:
                scores = limit * torch.tanh(scores / limit)
            weights = scores.masked_fill(~seen, -torch.inf).softmax(-1)
            result = torch.einsum("kgtl,kld->tkgd", weights, values)
            out.values[mine] = result.flatten(1)

    def route(self, scores: Tensor, routing: Routing, routes: Tensor) -> None:
        """Softmax, and a stable order of all scores."""
        ours, used = scores[:, : routing.experts], routing.used
        chosen = ours.argsort(dim=1, descending=True, stable=True)[:, :used]
        weights = ours.softmax(1).gather(1, chosen)
        if routing.normalised:
            weights = weights / weights.sum(1, keepdim=True)
        places = torch.empty(chosen.numel(), dtype=torch.long)
        places[chosen.flatten().argsort(stable=True)] = torch.arange(chosen.numel())
        routes[:, : 3 * used] = torch.cat([weights, chosen, places.view(chosen.shape)], 1)
        if scores.shape[1] > routing.experts:
            routes[:, 3 * used] = scores[:, routing.experts].sigmoid()

    def dispatch(self, x: Activations, routes: Tensor, routing: Routing, out: Activations) -> None:
        """By place."""
        out.values[_places_of(routes, routing)] = x.values[:, None]

    def expert_linear(
        self, x: Activations, routes: Tensor, routing: Routing, matrix: Matrix, out: Tensor
    ) -> None:
        """Expert by expert."""
        chosen = routes[:, routing.used : 2 * routing.used].long().flatten()
        counts = chosen.bincount(minlength=routing.experts).tolist()
        values = torch.split(_as_integers(x.values, matrix), counts)
        matrices = layout.unpack(matrix).chunk(routing.experts)
        made = [rows @ weights.T for rows, weights in zip(values, matrices, strict=True)]
        out[:, : matrices[0].shape[0]] = torch.cat(made)

    def combine(
        self, x: Tensor, routes: Tensor, routing: Routing, shared: Tensor | None, out: Tensor
    ) -> None:
        """One expert of each token after another."""
        places = _places_of(routes, routing)
        out.zero_() if shared is None else out.copy_(shared * routes[:, 3 * routing.used, None])
        for rank in range(routing.used):
            out += x[places[:, rank]] * routes[:, rank, None]


def _places_of(routes: Tensor, routing: Routing) -> Tensor:
    """(tokens, experts in use)."""
    return routes[:, 2 * routing.used : 3 * routing.used].long()


def _as_integers(values: Tensor, matrix: Matrix) -> Tensor:
    """The activations that a matrix meets: what their integers stand for, if it has integers."""
    if not matrix.format.scale_bits:
        return values
    levels, scales = quantised_activations(values, matrix.format)
    return (levels * scales[..., None]).flatten(1)[:, : matrix.columns]


def _rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + epsilon) * weight


def _rotated(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosines - second * sines, second * cosines + first * sines], -1)


def _split(qkv: Tensor, heads: Heads) -> tuple[Tensor, Tensor, Tensor]:
    """Views (M, heads, width) of queries, keys and values."""
    sizes = [heads.queries, heads.keys, heads.keys]
    whole = qkv[:, : sum(sizes) * heads.width].view(len(qkv), sum(sizes), heads.width)
    queries, keys, values = torch.split(whole, sizes, dim=1)
    return queries, keys, values


def _places(step: ForwardPass) -> tuple[Tensor, Tensor]:
    """Block of the pool, and place in it, of each token of the batch."""
    batch, size = step.batch, step.pool.block_size
    positions = batch.positions.long()
    return batch.block_table[batch.sequences.long(), positions // size].long(), positions % size


def _context(pool: KvPool, layer: int, blocks: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Keys and values (kv heads, length, width) of one sequence."""
    mine = blocks[: -(-length // pool.block_size)].long()
    keys, values = pool.keys[mine, layer].mT.float(), pool.values[mine, layer].float()
    if pool.format.scale_bits:
        keys = keys * pool.key_scales[mine, layer][..., None]
        values = values * pool.value_scales[mine, layer][..., None]
    keys, values = (each.transpose(0, 1).flatten(1, 2)[:, :length] for each in (keys, values))
    return keys, values[..., : pool.width]
