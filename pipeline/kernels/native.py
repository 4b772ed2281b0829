"""The kernels of this machine."""

import ctypes
from collections.abc import Iterable
from ctypes import c_void_p
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.inference.backend import Backend, widest
from pipeline.kernels import layout
from pipeline.kernels.abi import ABI
from pipeline.kernels.bindings import bound
from pipeline.kernels.formats import WeightFormat
from pipeline.kernels.kernels import Activations, ForwardPass, HeadNorms, Heads, Kernels
from pipeline.kernels.kv_pool import KvPool
from pipeline.kernels.layout import Matrix
from pipeline.kernels.library import flags, source_hash
from pipeline.kernels.lora_layout import AdapterLayout, PackedAdapter
from pipeline.kernels.memory import held, huge_bytes
from pipeline.kernels.token_batch import TokenBatch

_INPUT, _FORWARD, _SEGMENT, _HEADS, _HEAD_NORMS = (
    ABI.structures[name]
    for name in ("Input", "Forward", "LoraSegment", "HeadShape", "HeadNormWeights")
)


@dataclass(frozen=True, eq=False)
class NativeActivations(Activations):
    """With what C sees of them."""

    native: ctypes.Structure
    address: int


@dataclass(frozen=True, eq=False)
class NativeForwardPass(ForwardPass):
    """With what C sees of it; the tensors that it points to are kept here."""

    native: ctypes.Structure
    address: int
    segments: Any
    kept: tuple[Tensor, ...]


class NativeKernels(Kernels):
    """C++ behind ctypes, which releases the GIL; one pool of threads."""

    def __init__(self, threads: int) -> None:
        """Compile unless that was done before.

        Args:
            threads: that compute, the caller's included.

        Raises:
            BuildError: there is no compiler, or it failed.
            RuntimeError: the system doesn't start so many threads.
        """
        self._library = bound()
        self._pool = c_void_p(self._library.pool_new(threads))
        if not self._pool:
            raise RuntimeError(f"can't start new thread: {threads} were asked for")
        self._heads: dict[Heads, ctypes.Structure] = {}

    def __del__(self) -> None:
        if hasattr(self, "_pool"):
            self._library.pool_free(self._pool)

    @property
    def backend(self) -> Backend:
        """As the compiler says that it compiled them."""
        names = ("kernels_instruction_set", "kernels_compiler")
        instruction_set, compiler = (getattr(self._library, each)().decode() for each in names)
        return Backend(
            *("native", widest([instruction_set]), compiler),
            flags=" ".join(flags()),
            source=source_hash(),
        )

    def pack(
        self, pieces: Iterable[Tensor], rows: int, columns: int, format: WeightFormat
    ) -> Tensor:
        """Each piece by all threads, straight to its place."""
        panel = layout.panel_bytes(columns, format)
        data = huge_bytes(layout.panels(rows) * panel).view(-1, panel)
        done = 0
        for piece in pieces:
            held(piece, torch.float32, (len(piece), columns))
            left, count = data[done:], len(piece)
            self._library.kernel_pack(
                *(self._pool, format.number, piece.data_ptr(), count, columns),
                *(left.data_ptr(), left.numel()),
            )
            done += layout.panels(count)
        return data

    def read_adapter(
        self, file: int, sources: NDArray[Any], layout: AdapterLayout
    ) -> PackedAdapter:
        """One call for the whole adapter, which holds the GIL at no time."""
        data = torch.empty(layout.size, dtype=torch.uint8)
        count, format = len(sources), layout.format.number
        at, to = sources.ctypes.data, data.data_ptr()
        self._library.adapter_read(file, at, count, format, to, layout.size)
        return PackedAdapter(layout, data)

    def activations(self, rows: int, columns: int, format: WeightFormat) -> NativeActivations:
        """Values, and room for them as the matrices want them."""
        values = torch.zeros(rows, columns)
        size = self._library.packed_input_bytes(format.number, rows, columns)
        packed = torch.zeros(size, dtype=torch.uint8)
        native = _INPUT(
            *(format.number, values.data_ptr(), packed.data_ptr(), rows, columns),
            *(values.numel(), size),
        )
        return NativeActivations(format, values, packed, native, ctypes.addressof(native))

    def begin(
        self, batch: TokenBatch, cosines: Tensor, sines: Tensor, pool: KvPool
    ) -> NativeForwardPass:
        """Addresses of everything that the layers share."""
        tensors = (batch.positions, batch.sequences, batch.block_table, cosines, sines)
        kept = tuple(each.contiguous() for each in tensors)
        for each in kept[:3]:
            held(each, torch.int32, tuple(each.shape))
        for each in kept[3:]:
            held(each, torch.float32, tuple(cosines.shape))
        native = _FORWARD(
            *(each.data_ptr() for each in kept),
            pool.keys.data_ptr(),
            pool.values.data_ptr(),
            len(batch.tokens),
            batch.block_table.shape[1],
            *(pool.blocks, len(batch.block_table), len(pool.keys)),
            *(kept[3].numel(), pool.keys.numel(), pool.values.numel()),
        )
        found = [(each, each.adapter) for each in batch.segments if each.adapter]
        segments = (_SEGMENT * len(found))()
        for to, (segment, packed) in zip(segments, found, strict=True):
            to.data, to.sites = packed.data.data_ptr(), packed.sites.ctypes.data
            to.format = packed.format.number
            to.start, to.stop = segment.start, segment.stop
            to.size, to.count = packed.data.numel(), len(packed.sites)
        address = ctypes.addressof(native)
        self._library.forward_fault(address)
        return NativeForwardPass(batch, cosines, sines, pool, native, address, segments, kept)

    def norm(
        self,
        residual: Tensor,
        delta: Tensor | None,
        weight: Tensor,
        epsilon: float,
        out: Activations,
    ) -> None:
        """Token by token; the norm is packed where it is made."""
        self._library.kernel_norm(
            self._pool,
            *(residual.data_ptr(), residual.numel()),
            None if delta is None else delta.data_ptr(),
            0 if delta is None else delta.shape[1],
            0 if delta is None else delta.numel(),
            *(weight.data_ptr(), weight.numel()),
            epsilon,
            _address(out),
        )

    def gate(self, gate_up: Tensor, out: Activations) -> None:
        """Some columns of a token at a time."""
        width, size = gate_up.shape[1], gate_up.numel()
        self._library.kernel_gate(self._pool, gate_up.data_ptr(), width, size, _address(out))

    def linear(self, x: Activations, matrix: Matrix, out: Tensor) -> None:
        """A panel of the matrix at a time, read once for all tokens."""
        bias = None if matrix.bias is None else matrix.bias.data_ptr()
        if x.format != matrix.format:
            raise ValueError(f"{x.format.name} activations for {matrix.format.name} weights")
        self._library.kernel_linear(
            *(self._pool, _address(x), matrix.data.data_ptr(), bias, matrix.rows, matrix.columns),
            *(out.data_ptr(), out.numel()),
        )

    def add_lora(self, x: Activations, step: ForwardPass, site: int, out: Tensor) -> None:
        """All segments in one call."""
        assert isinstance(step, NativeForwardPass)
        if step.segments:
            self._library.kernel_add_lora(
                self._pool,
                _address(x),
                ctypes.addressof(step.segments),
                len(step.segments),
                site,
                out.data_ptr(),
                out.shape[1],
                out.numel(),
            )

    def rotate_and_store(
        self, qkv: Tensor, step: ForwardPass, layer: int, heads: Heads, norms: HeadNorms | None
    ) -> None:
        """Token by token."""
        assert isinstance(step, NativeForwardPass)
        native = _HEAD_NORMS(None, None, 0.0, 0)
        if norms is not None:
            query, key = norms.query.data_ptr(), norms.key.data_ptr()
            native = _HEAD_NORMS(query, key, norms.epsilon, norms.query.numel())
        self._library.kernel_rotate_and_store(
            self._pool,
            qkv.data_ptr(),
            qkv.shape[1],
            qkv.numel(),
            step.address,
            layer,
            self._heads_address(heads),
            ctypes.addressof(native),
        )

    def attend(
        self,
        qkv: Tensor,
        step: ForwardPass,
        layer: int,
        heads: Heads,
        window: int | None,
        out: Activations,
    ) -> None:
        """A token and a key head at a time; query heads that share it read it together."""
        assert isinstance(step, NativeForwardPass)
        self._library.kernel_attend(
            self._pool,
            qkv.data_ptr(),
            qkv.shape[1],
            qkv.numel(),
            step.address,
            layer,
            self._heads_address(heads),
            window or 0,
            _address(out),
        )

    def fill(self, out: Activations, values: Tensor) -> None:
        """Pack values that no other kernel made."""
        out.values.copy_(values)
        self._library.kernel_pack_input(self._pool, _address(out))

    def _heads_address(self, heads: Heads) -> int:
        if heads not in self._heads:
            self._heads[heads] = _HEADS(heads.queries, heads.keys, heads.width)
        return ctypes.addressof(self._heads[heads])


def _address(activations: Activations) -> int:
    assert isinstance(activations, NativeActivations)
    return activations.address
