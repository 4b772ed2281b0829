"""GGUF files that others made: what they say of themselves, and whether it fits."""

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pipeline.errors import UsageError
from pipeline.models.architecture import Architecture

MAGIC = b"GGUF"


@dataclass(frozen=True)
class GgufFile:
    """Metadata and tensor shapes of a GGUF file; its weights aren't read.

    Attributes:
        path: where it lies.
        metadata: values by key; of arrays only the length.
        shapes: tensor shapes by name, rows first.
    """

    path: Path
    metadata: dict[str, Any] = field(repr=False)
    shapes: dict[str, tuple[int, ...]] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """What the file says.

        Raises:
            UsageError: there is no such file, or it isn't GGUF, or it is cut short.
        """
        if not path.is_file():
            raise UsageError(f"{path}: no such file; give the path of a .gguf file")
        with path.open("rb") as file:
            if file.read(4) != MAGIC:
                raise UsageError(f"{path}: not a GGUF file")
        import gguf

        try:
            reader = gguf.GGUFReader(path)
        except (ValueError, IndexError, KeyError, struct.error, OSError) as error:
            raise UsageError(f"{path}: broken or cut short ({error}); fetch it again") from error
        metadata = {key: _value(field) for key, field in reader.fields.items()}
        shapes = {each.name: tuple(map(int, reversed(each.shape))) for each in reader.tensors}
        return cls(path, metadata, shapes)

    def expect(self, key: str, wanted: Any, default: Any = None) -> None:
        """Raise UsageError unless the metadata under `key` is what is wanted."""
        found = self.metadata.get(key, default)
        if found != wanted:
            raise UsageError(f"{self.path}: {key} is {found!r}, this model needs {wanted!r}")


def read_bytes(path: Path) -> int:
    """Bytes of the tensors a decode step reads: all but an embedding that isn't the head too."""
    import gguf

    sizes = {each.name: int(each.n_bytes) for each in gguf.GGUFReader(path).tensors}
    if "output.weight" in sizes:
        del sizes["token_embd.weight"]
    return sum(sizes.values())


def check_base_gguf(path: Path, architecture: Architecture) -> Path:
    """The path, if the file holds a base model of that shape and vocabulary.

    Raises:
        UsageError: it doesn't; the error names the first difference.
    """
    from pipeline.models.gguf_layout import gguf_architecture

    file, kind = GgufFile.read(path), gguf_architecture(architecture)
    file.expect("general.type", "model", default="model")
    file.expect("general.architecture", kind)
    file.expect(f"{kind}.block_count", architecture.layers)
    file.expect(f"{kind}.embedding_length", architecture.hidden)
    file.expect(f"{kind}.feed_forward_length", architecture.intermediate)
    file.expect(f"{kind}.attention.head_count", architecture.heads)
    file.expect(f"{kind}.attention.head_count_kv", architecture.kv_heads, architecture.heads)
    table = (architecture.vocabulary, architecture.hidden)
    if (found := file.shapes.get("token_embd.weight")) != table:
        raise UsageError(f"{path}: token_embd.weight is {found}, this model needs {table}")
    return path


def _value(field: Any) -> Any:
    import gguf

    return len(field.data) if field.types[0] == gguf.GGUFValueType.ARRAY else field.contents()
