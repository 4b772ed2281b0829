"""llama.cpp's model: the weights, and LoRA adapters that fit it."""

from pathlib import Path
from typing import Any, TypeAlias

import llama_cpp

AdapterHandle: TypeAlias = Any
"""llama.cpp's of a loaded adapter, `llama_adapter_lora_p`."""


class LoadError(Exception):
    """llama.cpp refused a file; its log says why."""


class Model:
    """A GGUF file in memory, with the adapters loaded for it."""

    def __init__(self, path: Path) -> None:
        """Load the weights, on the CPU alone.

        Raises:
            LoadError: llama.cpp can't.
        """
        llama_cpp.llama_backend_init()
        parameters = llama_cpp.llama_model_default_params()
        parameters.n_gpu_layers = 0
        handle = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
        if not handle:
            raise LoadError(f"{path}: llama.cpp can't load it; see the log")
        self.handle = handle
        vocabulary = llama_cpp.llama_model_get_vocab(handle)
        self.vocabulary = int(llama_cpp.llama_vocab_n_tokens(vocabulary))

    def load_adapter(self, path: Path) -> AdapterHandle:
        """Read an adapter from disk.

        Raises:
            LoadError: llama.cpp can't.
        """
        adapter = llama_cpp.llama_adapter_lora_init(self.handle, str(path).encode())
        if not adapter:
            raise LoadError(f"{path}: llama.cpp can't load the adapter; see the log")
        return adapter

    def free_adapter(self, adapter: AdapterHandle) -> None:
        """Free an adapter; no context may still apply it."""
        llama_cpp.llama_adapter_lora_free(adapter)

    def close(self) -> None:
        """Free the weights, once all adapters are."""
        llama_cpp.llama_model_free(self.handle)
