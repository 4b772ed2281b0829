"""Attention in plain PyTorch, from the projections' output to what each head attends to."""

import torch
from torch import Tensor

from pipeline.kernels.kernels import Kernels
from pipeline.kernels.kv_pool import KvPool
from pipeline.kernels.operands import Activations, ForwardPass, HeadNorms, Heads, Turn
from pipeline.kernels.quantise import quantised_vectors
from pipeline.kernels.reference_arithmetic import rms_norm


class ReferenceAttention(Kernels):
    """`ReferenceKernels`, as far as keys and values of a context are concerned."""

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
            queries.copy_(rms_norm(queries, norms.query, norms.epsilon))
            keys.copy_(rms_norm(keys, norms.key, norms.epsilon))
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
