"""A model and its adapters, as far as they are known before any of them is made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.source import AdapterSource
from pipeline.engines.settings import EngineSettings
from pipeline.errors import UsageError
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.quantization import Quantization
from pipeline.models.source import ModelSource
from pipeline.stages.disk import check_disk


@dataclass(frozen=True, eq=False)
class Base:
    """A model and its adapters by name; their files may not be there yet."""

    checkpoint: Checkpoint
    adapters: Mapping[str, Adapter]

    @classmethod
    def preview(cls, model: ModelSource, adapters: AdapterSource) -> Self:
        """Those of two sources; what is there has each of its numbers looked at.

        Raises:
            UsageError: they can't be had, don't fit together or on the disk, or the model can't be
                stored as it is to be.
        """
        checkpoint = model.preview()
        _refuse_quantised_experts(model, checkpoint)
        found = adapters.preview(checkpoint.config)
        for adapter in found:
            adapter.check_base(checkpoint)
        check_disk(checkpoint, found)
        return cls(checkpoint, {each.name: each for each in found})


def check_quantization(model: ModelSource, engine: EngineSettings) -> None:
    """Refuse a base that is to be stored in a way that the engine can't serve.

    Raises:
        UsageError: it can't, or the library that it takes isn't there.
    """
    wanted = model.quantization
    if wanted not in engine.quantizations:
        raise UsageError(
            f"model.quantization={wanted} can't be combined with engine={engine.name}, which takes "
            "the base unquantised; use engine=peft_hotswap or engine=peft_mixed"
        )
    wanted.need_library()


def _refuse_quantised_experts(model: ModelSource, checkpoint: Checkpoint) -> None:
    """Bitsandbytes quantises linear layers, and transformers keeps experts as parameters."""
    if model.quantization is not Quantization.NONE and checkpoint.config.experts:
        raise UsageError(
            f"model.quantization={model.quantization}: the experts of {checkpoint.folder} "
            "would stay as they are; use engine=multilora or engine=llama_cpp in a precision of "
            "fewer bits"
        )
