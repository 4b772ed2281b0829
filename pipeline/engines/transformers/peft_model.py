"""A PEFT model around the base model: adapters come and go."""

from itertools import count
from typing import Any

from peft import LoraConfig, PeftModel

from pipeline.adapters.adapter import Adapter
from pipeline.engines.transformers.base_model import BaseModel

EFFECTIVE = (
    *("r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern", "lora_bias", "use_dora"),
    *("target_modules", "target_parameters", "exclude_modules"),
    *("layers_to_transform", "layers_pattern"),
    *("modules_to_save", "trainable_token_indices", "ensure_weight_tying", "fan_in_fan_out"),
)
"""Keys of a configuration that decide what an adapter computes."""
WRAPPED = ("target_modules", "target_parameters", "modules_to_save", "trainable_token_indices")
"""Those that decide which modules of the base PEFT wraps, and in what."""


class AdapterLoadError(Exception):
    """PEFT loaded an adapter incompletely; serving it would answer with something else."""


class PeftAdapters:
    """Loads and frees LoRA adapters on a base model; safetensors only.

    PEFT makes an adapter's name part of its modules' names, where a dot, or the name of an
    attribute such as `keys`, doesn't work, and it looks for the name within those of tensors. So
    PEFT is given names of our own, none of which is part of another or of a tensor's name.
    """

    def __init__(self, base: BaseModel) -> None:
        self._base = base
        self._numbers = count()
        self._wrapped: list[list[Any]] = []
        self.model: Any = None

    def load(self, adapter: Adapter) -> str:
        """Read an adapter from disk; what PEFT calls it.

        PEFT needs some active adapter that exists, even where every row names its own; after the
        active one was freed it is this one.

        Raises:
            AdapterLoadError: a tensor was missing or unexpected.
        """
        name = f"served_{next(self._numbers):09d}"
        self._add(name, _config(adapter))
        result = self.model.load_adapter(
            str(adapter.folder),
            adapter_name=name,
            is_trainable=False,
            use_safetensors=True,
            torch_device="cpu",
        )
        missing = [key for key in result.missing_keys if f".{name}." in key]
        if missing or result.unexpected_keys:
            raise AdapterLoadError(f"{adapter.folder}: {(missing or result.unexpected_keys)[0]}")
        if self.model.active_adapter not in self.model.peft_config:
            self.model.set_adapter(name)
        self.model.eval()
        return name

    def model_to_call(self) -> Any:
        """For any adapter or for none; None where there is no adapter at all.

        Some active adapter has to exist even where none is used.
        """
        if self.model is None or not self.model.peft_config:
            return None
        if self.model.active_adapter not in self.model.peft_config:
            self.model.set_adapter(next(iter(self.model.peft_config)))
        return self.model

    def free(self, name: str) -> None:
        """Free an adapter, by what PEFT calls it."""
        self.model.delete_adapter(name)

    def _add(self, name: str, config: LoraConfig) -> None:
        wrapped = [getattr(config, key) for key in WRAPPED]
        if self.model is not None and not self.model.peft_config and wrapped not in self._wrapped:
            self._unwrap()
        if self.model is None:
            self.model = PeftModel(self._base.model, config, adapter_name=name)
        else:
            self.model.add_adapter(name, config)
        if wrapped not in self._wrapped:
            self._wrapped.append(wrapped)

    def _unwrap(self) -> None:
        """Give the base back its modules, which PEFT keeps wrapped after adapters have gone.

        So wrapped they take no adapter of another kind. One of a kind that has been here finds
        them ready: wrapping anew makes a swap half as long again.
        """
        self._base.model, self.model, self._wrapped = self.model.unload(), None, []


def _config(adapter: Adapter) -> LoraConfig:
    """What decides the adapter's effect, as its file says and preflight has checked it.

    Not how training began, since its weights are at hand: some of PEFT's ways to begin decompose
    the base's weights, which takes a while, or change them. Nor what only training uses.
    """
    said = adapter.lora.config
    return LoraConfig(inference_mode=True, **{key: said[key] for key in EFFECTIVE if key in said})
