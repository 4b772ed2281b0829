"""What a LoRA adapter's files say, read without loading a weight."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pipeline.adapters.config_check import check_config
from pipeline.adapters.module_patterns import (
    is_all_linear,
    is_parameter_target,
    is_target,
    value_for,
)
from pipeline.adapters.variants import RESIZED, variants
from pipeline.errors import UsageError, shown
from pipeline.files.regular import MEBIBYTE
from pipeline.models.expert_layers import STACKS
from pipeline.models.files import read_object
from pipeline.models.finite import is_finite
from pipeline.models.safetensors_file import NUMPY, stored_tensors
from pipeline.models.safetensors_header import StoredTensor
from pipeline.models.weights import OpenWeights, StoredWeights

WEIGHTS, CONFIG, PICKLE = "adapter_model.safetensors", "adapter_config.json", "adapter_model.bin"
PREFIX = "base_model.model."
PEFT_DEFAULT = 8
"""Rank, and alpha, of a configuration that doesn't say."""
AGAIN = "save the adapter again"
"""What to do about a broken file."""
MAX_CONFIG_BYTES = 4 * MEBIBYTE
"""Bytes of a configuration; one that lists every module of a large model has a tenth."""


@dataclass(frozen=True)
class LoraFile:
    """One adapter folder as PEFT writes it.

    Attributes:
        folder: where it lies.
        config: `adapter_config.json`.
        shapes: tensor shapes by name, from the header of the weights.
        origin: where it lay before it was converted; None where it lies as it came.
        copies: of the base's tensors, by their names in the model, which were saved along.
        vocabulary: number of its token ids; None where they are the base's.
    """

    folder: Path
    config: Mapping[str, Any] = field(repr=False)
    shapes: Mapping[str, tuple[int, ...]] = field(repr=False)
    origin: Path | None = None
    copies: Mapping[str, StoredTensor] = field(default_factory=dict, repr=False)
    vocabulary: int | None = None

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The adapter in `folder`.

        Raises:
            UsageError: the folder, its config or its safetensors weights aren't there or broken,
                or aren't of LoRA, or not stored as floating-point numbers, or a value of the
                config can't be a LoRA's.
        """
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such adapter folder")
        if not (folder / WEIGHTS).exists():
            if (folder / PICKLE).is_file():
                raise UsageError(
                    f"{folder}: {PICKLE} is a pickle, which is never loaded; "
                    f"save the adapter as {WEIGHTS}"
                )
            raise UsageError(f"{folder}: no {WEIGHTS}; name a folder that PEFT saved")
        config = read_object(folder / CONFIG, AGAIN, MAX_CONFIG_BYTES)
        if config.get("peft_type") != "LORA":
            raise UsageError(f"{folder}: peft_type {shown(config.get('peft_type'))} isn't LORA")
        check_config(config, str(folder / CONFIG))
        tensors = floating_tensors(folder / WEIGHTS)
        return cls(folder, config, {name: each.shape for name, each in tensors.items()})

    def stored(self) -> Mapping[str, StoredTensor]:
        """What the file's header says of each tensor, by its name there."""
        return stored_tensors(self.folder / WEIGHTS, AGAIN)

    def open(self) -> OpenWeights:
        """Its file opened, for whoever reads numbers; to be entered by `with`.

        Raises:
            UsageError: it isn't safetensors any more, or was cut short.
        """
        return StoredWeights.read([self.folder / WEIGHTS], AGAIN).open()

    def not_finite(self) -> str | None:
        """Name of a tensor that holds NaN or infinity; reads the whole file."""
        with self.open() as opened:
            return next((each.name for each in opened if not is_finite(each, opened.read)), None)

    def targets(self, module: str) -> bool:
        """Whether the adapter changes the module of that path, by PEFT's matching rules.

        Of experts, that is the parameter which holds the matrices of a layer's.
        """
        return self.targets_parameter(module) or (
            not module.endswith(STACKS) and is_target(self.config, module)
        )

    def targets_parameter(self, module: str) -> bool:
        """The same, by `target_parameters` alone."""
        parameter = module if module.endswith(STACKS) else f"{module}.weight"
        return is_parameter_target(self.config, parameter)

    def update_names(self, module: str) -> tuple[str, str]:
        """Of the tensors A and B of a module: PEFT wraps what it adapts of experts in turn."""
        inside, _, stack = module.rpartition(".")
        if module.endswith(STACKS):
            both = stack != "down_proj" and self.targets(f"{inside}.down_proj")
            module = f"{inside}.base_layer" if both else inside
        return f"{PREFIX}{module}.lora_A.weight", f"{PREFIX}{module}.lora_B.weight"

    @property
    def targets_all_linear(self) -> bool:
        """Whether it means every linear layer, whatever that is called."""
        return is_all_linear("target_modules", self.config.get("target_modules"))

    def rank(self, module: str) -> int:
        """Rank of the update of that module."""
        default = self.config.get("r", PEFT_DEFAULT)
        return int(value_for(self.config, "rank_pattern", self._key(module), default))

    @property
    def max_rank(self) -> int:
        """No module's update has a higher one."""
        patterns = self.config.get("rank_pattern") or {}
        return max(map(int, (self.config.get("r", PEFT_DEFAULT), *patterns.values())))

    def scaling(self, module: str) -> float:
        """Factor of B·A: alpha / r, or alpha / √r where rsLoRA is on (Kalajdzievski 2023)."""
        alpha = value_for(self.config, "alpha_pattern", self._key(module), self.alpha)
        rank = self.rank(module)
        return float(alpha) / (math.sqrt(rank) if self.config.get("use_rslora") else rank)

    def _key(self, module: str) -> str:
        """What patterns are held against."""
        plain = module.endswith(STACKS) or not self.targets_parameter(module)
        return module if plain else f"{module}.weight"

    @property
    def alpha(self) -> float:
        """Where no pattern says otherwise."""
        return float(self.config.get("lora_alpha", PEFT_DEFAULT))

    def unusual(self) -> list[str]:
        """What it has beyond plain LoRA on linear layers, by name."""
        return variants(self.config, self.shapes) + [RESIZED] * (self.vocabulary is not None)

    def shown(self, key: str) -> str:
        """A value of the configuration, for an error: short."""
        return shown(self.config.get(key))


def floating_tensors(path: Path) -> dict[str, StoredTensor]:
    """What a file says of each of its tensors, by name.

    Raises:
        UsageError: it isn't there, isn't safetensors, or holds other than floating-point numbers.
    """
    tensors = stored_tensors(path, AGAIN)
    for each in tensors.values():
        if each.dtype not in NUMPY:
            raise UsageError(
                f"{each.path}: {each.name} is stored as {each.dtype}; save the adapter as one "
                f"of {', '.join(NUMPY)}"
            )
    return tensors
