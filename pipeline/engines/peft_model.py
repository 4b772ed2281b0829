"""A PEFT model around the base model: adapters come and go by name."""

from typing import Any

from peft import LoraConfig, PeftModel

from pipeline.adapters.adapter import Adapter
from pipeline.engines.base_model import BaseModel


class AdapterLoadError(Exception):
    """PEFT loaded an adapter incompletely; serving it would answer with something else."""


class PeftAdapters:
    """Loads and frees LoRA adapters on a base model; safetensors only."""

    def __init__(self, base: BaseModel) -> None:
        self._base = base
        self.model: Any = None

    def load(self, adapter: Adapter) -> None:
        """Read an adapter from disk.

        PEFT needs some active adapter that exists, even where every row names its own; after the
        active one was freed it is this one.

        Raises:
            AdapterLoadError: a tensor was missing or unexpected.
        """
        if self.model is None:
            config = LoraConfig.from_pretrained(str(adapter.folder))
            config.inference_mode = True
            self.model = PeftModel(self._base.model, config, adapter_name=adapter.name)
        result = self.model.load_adapter(
            str(adapter.folder),
            adapter_name=adapter.name,
            is_trainable=False,
            use_safetensors=True,
            torch_device="cpu",
        )
        missing = [key for key in result.missing_keys if f".{adapter.name}." in key]
        if missing or result.unexpected_keys:
            raise AdapterLoadError(f"{adapter.folder}: {(missing or result.unexpected_keys)[0]}")
        if self.model.active_adapter not in self.model.peft_config:
            self.model.set_adapter(adapter.name)
        self.model.eval()

    def unload(self, name: str) -> None:
        """Free an adapter."""
        self.model.delete_adapter(name)
