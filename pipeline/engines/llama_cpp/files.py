"""The GGUF files of a run: ready-made ones, or written from the same safetensors."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.adapters.adapter import Adapter
from pipeline.engines.settings import Serving
from pipeline.models.config import ModelConfig
from pipeline.process.child import Child


@dataclass(frozen=True)
class Origin:
    """Where the files of a run come from.

    Attributes:
        precision: of the base model's.
        base: a ready-made one for it; None takes the one that the checkpoint was made of where
            the precision is `file`, else writes one.
        adapters: ready-made ones by the adapter's name; the others' are written.
        cache: where written files are kept.
        rank_multiple: what the ranks of written adapters are a whole number of.
    """

    precision: str
    base: Path | None
    adapters: Mapping[str, Path]
    cache: Path
    rank_multiple: int = 1


@dataclass(frozen=True)
class Files:
    """GGUF files of the base model and of the adapters by name.

    Attributes:
        base: the base model's.
        adapters: by the adapter's name.
        read_bytes: of the base's tensors, those that a decode step reads.
        stand_ins: which of its tensors aren't of the precision's own types; None if all are.
    """

    base: Path
    adapters: Mapping[str, Path]
    read_bytes: int
    stand_ins: str | None = None


def files_of(origin: Origin, serving: Serving) -> Files:
    """The files, checked or written.

    They are written by a process of its own: what that takes of memory isn't the engine's.

    Raises:
        UsageError: a ready-made file doesn't fit, or llama.cpp has no equal of the model.
    """
    with Child(_files, origin, serving) as writer:
        files: Files = writer.result()
        return files


def adapter_file_of(origin: Origin, adapter: Adapter, model: ModelConfig) -> Path:
    """The same for one adapter.

    Raises:
        UsageError: a ready-made file doesn't fit.
    """
    with Child(_adapter_file, origin, adapter, model) as writer:
        path: Path = writer.result()
        return path


def _files(origin: Origin, serving: Serving) -> Files:
    from pipeline.gguf.file import read_bytes
    from pipeline.gguf.model import gguf_of
    from pipeline.gguf.quantise import stand_ins
    from pipeline.gguf.ready_made import check_base_gguf

    model = serving.checkpoint.config
    if origin.precision == "file" and (ready := origin.base or serving.checkpoint.gguf):
        base = check_base_gguf(ready, model)
    else:
        base = gguf_of(serving.checkpoint, origin.precision, origin.cache)
    adapters = {
        name: _adapter_file(origin, adapter, model) for name, adapter in serving.adapters.items()
    }
    return Files(base, adapters, read_bytes(base), stand_ins(base, origin.precision))


def _adapter_file(origin: Origin, adapter: Adapter, model: ModelConfig) -> Path:
    from pipeline.adapters.as_gguf import gguf_adapter_of
    from pipeline.gguf.ready_made import check_adapter_gguf

    if ready := origin.adapters.get(adapter.name):
        return check_adapter_gguf(ready, model)
    return gguf_adapter_of(adapter, model, origin.cache, origin.rank_multiple)
