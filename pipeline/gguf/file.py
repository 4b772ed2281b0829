"""GGUF files: what they say of themselves; their weights aren't read."""

from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pipeline.errors import UsageError
from pipeline.gguf.cursor import Length
from pipeline.gguf.header import GgufTensor, read_header


@dataclass(frozen=True)
class GgufFile:
    """Metadata and tensors of a GGUF file; its weights aren't read.

    Attributes:
        path: where it lies.
        metadata: values by key; of arrays only the length, unless they were asked for.
        tensors: by name.
    """

    path: Path
    metadata: dict[str, Any] = field(repr=False)
    tensors: dict[str, GgufTensor] = field(repr=False)

    @classmethod
    def read(cls, path: Path, arrays: Container[str] = ()) -> Self:
        """What the file says.

        Args:
            path: where it lies.
            arrays: keys of arrays whose elements are wanted.

        Raises:
            UsageError: there is no such file, or it isn't GGUF, or it is broken or cut short.
        """
        try:
            return cls(path, *read_header(path, arrays))
        except FileNotFoundError as error:
            raise UsageError(f"{path}: no such file; give the path of a .gguf file") from error
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}; give the path of a .gguf file") from error
        except ValueError as error:
            raise UsageError(f"{path}: broken or cut short: {error}; fetch it again") from error

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Dimensions of the tensors by name, rows first."""
        return {name: each.shape for name, each in self.tensors.items()}

    def expect(self, key: str, wanted: Any, default: Any = None) -> None:
        """Raise UsageError unless the metadata under `key` is what is wanted."""
        found = self.metadata.get(key, default)
        if found != wanted or isinstance(found, Length):
            raise UsageError(f"{self.path}: {key} is {found!r:.80}, this model needs {wanted!r}")


def read_bytes(path: Path) -> int:
    """Bytes of the tensors a decode step reads: all but an embedding that isn't the head too."""
    sizes = {name: each.nbytes for name, each in GgufFile.read(path).tensors.items()}
    if "output.weight" in sizes:
        del sizes["token_embd.weight"]
    return sum(sizes.values())
