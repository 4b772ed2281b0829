"""llama.cpp's model: the weights, and LoRA adapters that fit it."""

from pathlib import Path

import llama_cpp


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
        self._adapters: dict[str, llama_cpp.llama_adapter_lora_p] = {}

    def load_adapter(self, name: str, path: Path) -> None:
        """Read an adapter from disk.

        Raises:
            LoadError: llama.cpp can't.
        """
        adapter = llama_cpp.llama_adapter_lora_init(self.handle, str(path).encode())
        if not adapter:
            raise LoadError(f"{path}: llama.cpp can't load the adapter; see the log")
        self._adapters[name] = adapter

    def unload_adapter(self, name: str) -> None:
        """Free an adapter; no context may still apply it."""
        llama_cpp.llama_adapter_lora_free(self._adapters.pop(name))

    def adapter(self, name: str) -> llama_cpp.llama_adapter_lora_p:
        """llama.cpp's handle of a loaded adapter."""
        return self._adapters[name]

    def close(self) -> None:
        """Free adapters and weights."""
        for name in list(self._adapters):
            self.unload_adapter(name)
        llama_cpp.llama_model_free(self.handle)
