"""What the engine asks of a library of llama.cpp's kind, whichever one it is."""

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

Handle: TypeAlias = Any
"""A pointer into the library: to a model, a context or an adapter. Null where it failed."""

Say: TypeAlias = Callable[[int, bytes], None]
"""Takes a piece of the library's log: its level, and the text."""


class LoadError(Exception):
    """The library refused a file, or has no room; its log says why."""


class DecodeError(Exception):
    """A decode failed; the library's log says why."""


@dataclass(frozen=True)
class Room:
    """What a context is made for.

    Attributes:
        threads: compute threads, for prompts as for single tokens.
        sequences: most at once.
        positions: places in the KV cache, which all sequences share.
        exact: keys and values are kept in float32; else in float16, the libraries' default.
        adapts: whether an adapter may ever take effect; a library may compute otherwise then.
    """

    threads: int
    sequences: int
    positions: int
    exact: bool = False
    adapts: bool = True


class Library(Protocol):
    """The C functions by what they are for, under whichever name a library has them.

    Attributes:
        name: what its log and its errors are called by.
        version: of the package that brought it.
        batch: the layout of its `llama_batch`.
    """

    name: str
    version: str
    batch: type[ctypes.Structure]

    def system_info(self) -> str:
        """What it was compiled to use, as `AVX = 1 | AVX2 = 1 | …`."""

    def log_to(self, say: Say) -> None:
        """From now on its log goes there, not to stderr."""

    def load(self, path: Path) -> Handle:
        """The model in a GGUF file, on the CPU alone."""

    def unload(self, model: Handle) -> None:
        """Free a model, once its contexts and adapters are."""

    def vocabulary(self, model: Handle) -> int:
        """How many tokens there are."""

    def load_adapter(self, model: Handle, path: Path) -> Handle:
        """The adapter in a GGUF file."""

    def unload_adapter(self, adapter: Handle) -> None:
        """Free an adapter that no context applies."""

    def open(self, model: Handle, room: Room) -> Handle:
        """A context, with its cache."""

    def close(self, context: Handle) -> None:
        """Free a context."""

    def most(self, context: Handle) -> int:
        """Most tokens that a decode takes, all of them or none."""

    def apply(self, context: Handle, adapters: Sequence[Handle]) -> bool:
        """Put adapters into effect, in place of those before; whether it could."""

    def decode(self, context: Handle, batch: ctypes.Structure) -> int:
        """Run tokens through the model; 0 where that went well."""

    def logits(self, context: Handle) -> Any:
        """Pointer to the wanted rows of the last decode, one after another."""

    def wait(self, context: Handle) -> None:
        """Until the last decode is done."""

    def forget(self, context: Handle, slot: int) -> None:
        """Free the places of a sequence."""

    def clear(self, context: Handle) -> None:
        """Free all places, and put zeros into them."""

    def state(self, context: Handle, slot: int) -> Any:
        """A copy of the keys and values of a sequence, as an array of bytes."""

    def restore(self, context: Handle, slot: int, state: Any) -> bool:
        """Put such a copy back; whether it could."""
