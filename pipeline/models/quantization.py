"""Quantised weights: those that are made as transformers serves a model, and none that were."""

from collections.abc import Mapping
from enum import StrEnum
from importlib.util import find_spec
from typing import Any

from pipeline.errors import UsageError

REQUIREMENT = "bitsandbytes==0.50.2"


class Quantization(StrEnum):
    """Values of `model.quantization`.

    NF4 is the 4-bit normal float in blocks of 64 with one scale each (Dettmers et al. 2023);
    INT8 is LLM.int8(): rows of int8 with outlier features kept apart (Dettmers et al. 2022).
    The embedding and the output layer are never quantised.
    """

    NONE = "none"
    NF4 = "nf4"
    INT8 = "int8"

    def need_library(self) -> None:
        """See that the library behind it is there.

        Raises:
            UsageError: it isn't; the message has the command that installs it.
        """
        if self is not Quantization.NONE and find_spec("bitsandbytes") is None:
            raise UsageError(
                f"model.quantization={self} needs bitsandbytes: "
                f"python -m pip install {REQUIREMENT} accelerate"
            )


def refuse_quantised(config: Mapping[str, Any], where: str) -> None:
    """Refuse a model whose weights are said to be stored as something else than numbers.

    Raises:
        UsageError: they are; the message says by which method.
    """
    for key in ("quantization_config", "compression_config"):
        if (said := config.get(key)) is not None:
            kind = said.get("quant_method", "unknown") if isinstance(said, dict) else said
            raise UsageError(
                f"{where}: {key} says that the weights are quantised already ({kind}), which no "
                "engine here serves as it is; name the original model"
            )
