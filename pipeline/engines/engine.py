"""The contract of an engine: requests in, stamped events out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from pipeline.adapters.adapter import Adapter
from pipeline.engines.backend import Backend
from pipeline.engines.needs import Need
from pipeline.engines.sampling import Sampling
from pipeline.engines.stage_clock import StageClock
from pipeline.engines.teacher import Teacher
from pipeline.errors import UsageError
from pipeline.metrics.timeline import AdapterCounts
from pipeline.models.architecture import Architecture
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.quantization import Quantization
from pipeline.workload.request import Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Admitted:
    """The engine began to work on a request."""

    request_id: int
    at: float


@dataclass(frozen=True, slots=True)
class Token:
    """One output token was available to the caller."""

    request_id: int
    at: float
    token_id: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A request is done: its last token, or its error, was available at `at`."""

    request_id: int
    at: float
    text: str | None = None
    error: str | None = None


Event = Admitted | Token | Finished


@dataclass(frozen=True)
class Serving:
    """What an engine is built from.

    Attributes:
        checkpoint: the base model.
        adapters: the adapters by name.
        sampling: how tokens are chosen.
        threads: compute threads.
        text: tokenise prompts and detokenise outputs, as a server must; else use ids alone.
        quantization: how the base's weights are stored; one of the settings' `quantizations`.
    """

    checkpoint: Checkpoint
    adapters: Mapping[str, Adapter]
    sampling: Sampling
    threads: int
    text: bool
    quantization: Quantization = Quantization.NONE


class Engine(ABC):
    """A context manager: entering loads the model, leaving frees it.

    All stamps are `time.perf_counter` seconds.
    """

    clock: StageClock

    @abstractmethod
    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Free what entering loaded."""

    @abstractmethod
    def submit(self, request: Request) -> None:
        """Accept a request; it waits until a step admits it."""

    @abstractmethod
    def step(self) -> list[Event]:
        """Advance a little; the events of that advance, each with its own stamp."""

    @property
    @abstractmethod
    def busy(self) -> bool:
        """Whether something is left to do."""

    @property
    @abstractmethod
    def adapter_counts(self) -> AdapterCounts:
        """How adapters came and went since the engine was entered."""

    @property
    @abstractmethod
    def backend(self) -> Backend:
        """What computes, known once the engine is entered."""

    @property
    def weight_bytes(self) -> int | None:
        """Bytes of the base model's weights that a decode step reads, as this engine keeps them.

        All but the input embedding, of which a step reads a few rows (unless it is the output
        layer too). None where the engine can't say.
        """
        return None

    @property
    def model_bytes(self) -> int | None:
        """Bytes of the base model's weights in the precision this engine serves them.

        The weights it holds in memory, scales included, adapters and caches not; the size of the
        file where the file is mapped as it is (GGUF). None where the engine can't tell.
        """
        return None

    @property
    def kv_bytes(self) -> int | None:
        """Bytes of keys and values at the moment when most were held; None where it can't tell."""
        return None

    @property
    def adapter_bytes(self) -> int | None:
        """Bytes of adapters at the moment when most were held; None where it can't tell."""
        return None

    def score(
        self, adapter: str | None, prompt_ids: Sequence[int], continuation_ids: Sequence[int]
    ) -> "NDArray[np.float32] | None":
        """Log-probabilities of every token at each position of a continuation, teacher-forced.

        Row i is the distribution of continuation token i, given the prompt and the continuation
        before it. One request alone, by the plainest path there is: this is for a reference, or to
        see what an adapter does; it says nothing about what is served to many at once. Called
        between runs, never in a timed part; needs not be fast.

        Returns:
            (len(continuation_ids), vocabulary), natural logarithms; None where the engine can't.
        """
        return None

    def teach(self, teacher: Teacher | None) -> bool:
        """From now on requests that the teacher knows are led along its continuations.

        All else goes on as it always does: what is judged then is the path that serves. None ends
        it. Called between runs, while nothing is being served.

        Returns:
            Whether the engine can.
        """
        return False


class EngineSettings(ABC):
    """Settings of the `engine` group.

    Attributes:
        name: what the user typed.
        precision: of the weights.
        quantizations: values of `model.quantization` that the engine can serve; an engine with
            precisions of its own takes the base unquantised.
        computes: whether a model is behind the answers; where none is there is nothing that they
            could be faithful to.
        variants: what it serves beyond plain LoRA, of `pipeline.adapters.variants.VARIANTS`.
    """

    name: str
    precision: str
    quantizations: ClassVar[frozenset[Quantization]] = frozenset({Quantization.NONE})
    computes: ClassVar[bool] = True
    variants: ClassVar[frozenset[str]] = frozenset()

    @property
    def batch_invariant(self) -> bool:
        """Whether a request's logits are the same to the bit, whatever else a step computes."""
        return False

    @abstractmethod
    def build(self, serving: Serving) -> Engine:
        """The engine, not yet entered."""

    def coarsest(self, quantization: Quantization) -> str:
        """The precision that limits how faithful it can be: of its weights, or of its adapters."""
        return self.precision if quantization is Quantization.NONE else str(quantization)

    def check(self, checkpoint: Checkpoint, adapters: Mapping[str, Adapter]) -> None:
        """Refuse what this engine can't serve, by name, before anything heavy starts.

        Asked for every job of a request before the first is started, so it loads no weights.

        Args:
            checkpoint: the base model, whose files may not be made yet.
            adapters: the adapters by name, whose files may not be made yet.

        Raises:
            UsageError: the model or an adapter is of a kind that this engine doesn't serve.
        """
        for name, adapter in adapters.items():
            if found := [each for each in adapter.lora.unusual() if each not in self.variants]:
                raise UsageError(
                    f"engine={self.name} can't serve {name} ({', '.join(found)}); "
                    "use engine=peft_hotswap"
                )

    def check_length(self, architecture: Architecture, positions: int) -> None:  # noqa: B027
        """Refuse sequences that the model has positions for, and this engine hasn't.

        Args:
            architecture: the model's.
            positions: of the longest sequence, prompt and output together.

        Raises:
            UsageError: it is too long; the message names the setting, if there is one.
        """

    def needs(self, serving: Serving, together: Sequence[Request]) -> Sequence[Need]:
        """Memory that serving can't do without; what is refused for it could never have run.

        Args:
            serving: what the engine would be built from; its files may not be made yet.
            together: requests that wait at once, in their order.

        Returns:
            Lower bounds, by purpose; none where the engine knows of none.
        """
        return ()
