"""A model of llama.cpp's kind: the weights, and LoRA adapters that fit it."""

from pathlib import Path

from pipeline.engines.llama_cpp.library import Handle, Library, LoadError


class Model:
    """A GGUF file in memory, with the adapters loaded for it.

    Attributes:
        library: what loaded it.
        vocabulary: how many tokens there are.
    """

    def __init__(self, library: Library, path: Path) -> None:
        """Load the weights, on the CPU alone.

        Raises:
            LoadError: the library can't.
        """
        self.library, self.handle = library, library.load(path)
        if not self.handle:
            raise LoadError(f"{path}: {library.name} can't load it; see the log")
        self.vocabulary = library.vocabulary(self.handle)

    def load_adapter(self, path: Path) -> Handle:
        """Read an adapter from disk.

        Raises:
            LoadError: the library can't.
        """
        adapter = self.library.load_adapter(self.handle, path)
        if not adapter:
            raise LoadError(f"{path}: {self.library.name} can't load the adapter; see the log")
        return adapter

    def free_adapter(self, adapter: Handle) -> None:
        """Free an adapter; no context may still apply it."""
        self.library.unload_adapter(adapter)

    def close(self) -> None:
        """Free the weights, once all adapters are."""
        self.library.unload(self.handle)
