"""Settings of an engine, which say what it can serve, and what it is built from."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.variants import engine_for
from pipeline.engines.needs import Need
from pipeline.errors import UsageError
from pipeline.inference.capabilities import Capabilities
from pipeline.inference.engine import Engine
from pipeline.inference.request import Request
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig
from pipeline.models.quantization import Quantization


@dataclass(frozen=True)
class Serving:
    """What an engine is built from.

    Attributes:
        checkpoint: the base model.
        adapters: the adapters by name.
        threads: compute threads.
        quantization: how the base's weights are stored; one of the settings' `quantizations`.
        folder: where it may leave files, such as what a server wrote; None where nobody keeps any.
    """

    checkpoint: Checkpoint
    adapters: Mapping[str, Adapter]
    threads: int
    quantization: Quantization = Quantization.NONE
    folder: Path | None = None

    @property
    def vocabulary(self) -> int:
        """Token ids of whoever has most, the base or an adapter that was trained with more."""
        own = (each.lora.vocabulary or 0 for each in self.adapters.values())
        return max(self.checkpoint.config.vocabulary, *own, 0)


class EngineSettings(ABC):
    """Settings of the `engine` group.

    Attributes:
        name: what the user typed.
        precision: of the weights.
        max_batch_size: most requests that run together; None for no limit.
        quantizations: values of `model.quantization` that the engine can serve; an engine with
            precisions of its own takes the base unquantised.
        computes: whether a model is behind the answers; where none is there is nothing that they
            could be faithful to.
        capabilities: what else it can do; requests that ask for more are refused.
        variants: what it serves beyond plain LoRA, of `VARIANTS`, `BIAS`, `SHARED` and
            `RESIZED` in `pipeline.adapters.variants`.
    """

    name: str
    precision: str
    max_batch_size: int | None = None
    quantizations: ClassVar[frozenset[Quantization]] = frozenset({Quantization.NONE})
    computes: ClassVar[bool] = True
    capabilities: ClassVar[Capabilities] = Capabilities()
    variants: ClassVar[frozenset[str]] = frozenset()

    @property
    def batch_invariant(self) -> bool:
        """Whether a request's logits are the same to the bit, whatever else a step computes."""
        return False

    @abstractmethod
    def build(self, serving: Serving) -> Engine:
        """The engine, not yet entered."""

    def refusal(self, request: Request) -> str | None:
        """What of a request the engine can't do, in one line; None where it can all of it."""
        return self.capabilities.refusal(request)

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
                    f"use engine={engine_for(adapter.lora.unusual())}"
                )

    def check_length(self, model: ModelConfig, positions: int) -> None:  # noqa: B027
        """Refuse sequences that the model has positions for, and this engine hasn't.

        Args:
            model: its configuration.
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
