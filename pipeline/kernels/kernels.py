"""What the decoder asks of its kernels."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from pipeline.inference.backend import Backend
from pipeline.kernels.executable import Executable
from pipeline.kernels.formats import ActivationDtype, WeightFormat
from pipeline.kernels.kv_pool import KvPool
from pipeline.kernels.layout import Matrix
from pipeline.kernels.lora_layout import AdapterLayout
from pipeline.kernels.operands import (
    Activation,
    Activations,
    ForwardPass,
    HeadNorms,
    Heads,
    Routing,
    Turn,
)
from pipeline.kernels.packed_adapter import PackedAdapter
from pipeline.kernels.program import Program
from pipeline.kernels.token_batch import TokenBatch


class Kernels(ABC):
    """Every operation of a step that isn't a lookup. Results go into buffers that are given.

    Rows of a result depend on the same rows of the input alone, bit for bit: not on how many other
    rows there are.
    """

    @property
    @abstractmethod
    def backend(self) -> Backend:
        """What these are and how they were built."""

    @property
    @abstractmethod
    def activation_dtype(self) -> ActivationDtype:
        """What int8 weights are best multiplied by."""

    @abstractmethod
    def pack(
        self, pieces: Iterable[Tensor], rows: int, columns: int, format: WeightFormat
    ) -> Tensor:
        """The data of a `Matrix`.

        Args:
            pieces: fp32, above one another `rows` rows; each but the last of whole panels.
            rows: outputs of the matrix.
            columns: its inputs.
            format: how its weights are stored.
        """

    @abstractmethod
    def look_up(self, matrix: Matrix, rows: Tensor) -> Tensor:
        """Some rows of a matrix as the weights that they stand for: an embedding's, by token.

        Args:
            matrix: any; a bias isn't added.
            rows: their numbers, int32 (N,).

        Returns:
            fp32 (N, columns).

        Raises:
            ValueError: the matrix has no such row.
        """

    @abstractmethod
    def read_adapter(
        self, file: int, sources: NDArray[Any], layout: AdapterLayout
    ) -> PackedAdapter:
        """Read and pack an adapter, on the calling thread alone and beside whatever runs.

        Args:
            file: descriptor of its safetensors file.
            sources: its tensors, one row of `lora_layout.SOURCE` each.
            layout: where their numbers go.

        Raises:
            EOFError: the file is cut short.
        """

    @abstractmethod
    def activations(self, rows: int, columns: int, format: WeightFormat) -> Activations:
        """A buffer for the input of matrices of that format."""

    @abstractmethod
    def prepare(self, program: Program, tokens: int) -> Executable:
        """Make a program ready for steps of so many tokens at most, as a rule."""

    @abstractmethod
    def begin(self, batch: TokenBatch, cosines: Tensor, sines: Tensor, pool: KvPool) -> ForwardPass:
        """What every layer of a forward pass shares.

        Args:
            batch: the tokens.
            cosines: of each position's angles, fp32 (positions, angles).
            sines: the same shape.
            pool: keys and values.
        """

    @abstractmethod
    def fill(self, out: Activations, values: Tensor) -> None:
        """Take values that no other kernel made."""

    @abstractmethod
    def norm(
        self,
        residual: Tensor,
        delta: Tensor | None,
        weight: Tensor | None,
        epsilon: float,
        out: Activations,
    ) -> None:
        """Add `delta` to `residual`; its RMS norm (Zhang and Sennrich 2019) is the result.

        Without a weight the sum is.
        """

    @abstractmethod
    def gate(self, gate_up: Tensor, out: Activations, activation: Activation = "silu") -> None:
        """SwiGLU, GEGLU (Shazeer 2020): the first columns activated, times as many that follow."""

    @abstractmethod
    def linear(self, x: Activations, matrix: Matrix, out: Tensor) -> None:
        """Every row of `x` times the matrix, plus its bias; `out` is whole panels wide."""

    @abstractmethod
    def add_lora(self, x: Activations, step: ForwardPass, site: int, out: Tensor) -> None:
        """Add to each segment of `out` what its adapter makes of the same rows of `x`.

        What the adapter makes of the sum, column by column, is done then: factor · sum + summand.

        Args:
            x: input of the site.
            step: says which rows are whose.
            site: number of the site, counted through the layers; the output layer's comes last.
            out: the site's output.
        """

    @abstractmethod
    def rotate_and_store(
        self,
        qkv: Tensor,
        step: ForwardPass,
        layer: int,
        heads: Heads,
        norms: HeadNorms | None,
        turn: Turn,
    ) -> None:
        """Turn queries and keys by their positions, in place; put keys and values into the pool."""

    @abstractmethod
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
        """Softmax attention of each token over its sequence so far, itself included.

        Args:
            qkv: has the queries.
            step: says whose they are.
            layer: of the pool.
            heads: of the layer.
            window: positions that a token sees; None for all.
            out: of all heads.
            scale: of the products of queries and keys; None for 1 / √width.
            limit: l in l · tanh(score / l), of what goes into the softmax; None for none.
        """

    @abstractmethod
    def route(self, scores: Tensor, routing: Routing, routes: Tensor) -> None:
        """Choose each token's experts: those of highest score, the first of equal ones.

        Args:
            scores: (tokens, experts), and in a column more the shared expert's.
            routing: how many there are, and are used.
            routes: what `Routing` says of each token.
        """

    @abstractmethod
    def dispatch(self, x: Activations, routes: Tensor, routing: Routing, out: Activations) -> None:
        """Each row of `x`, as matrices want it, to the places of its experts."""

    @abstractmethod
    def expert_linear(
        self, x: Activations, routes: Tensor, routing: Routing, matrix: Matrix, out: Tensor
    ) -> None:
        """Every row of `x` times the matrix of the expert in whose place it stands.

        Args:
            x: expert by expert.
            routes: say how many rows are whose.
            routing: how many experts there are.
            matrix: of all experts above one another, each of whole panels.
            out: as wide as one of them has rows.
        """

    @abstractmethod
    def add_expert_lora(
        self,
        x: Activations,
        step: ForwardPass,
        routes: Tensor,
        routing: Routing,
        site: int,
        out: Tensor,
        dispatched: bool,
    ) -> None:
        """Add to each place what its token's adapter makes, for the expert there, of `x`.

        Args:
            x: input of the experts.
            step: says which tokens are whose.
            routes: say where each token's places are.
            routing: how many experts there are.
            site: number of the site; an adapter has there matrices of each expert.
            out: expert by expert.
            dispatched: whether `x` lies expert by expert, too, and not token by token.
        """

    @abstractmethod
    def combine(
        self, x: Tensor, routes: Tensor, routing: Routing, shared: Tensor | None, out: Tensor
    ) -> None:
        """What the experts of each token made, added up by their weights in their order.

        Args:
            x: expert by expert.
            routes: say where each token's are, and how much they weigh.
            routing: how many there are.
            shared: what the shared expert made of each token, if there is one.
            out: a row for each token.
        """
