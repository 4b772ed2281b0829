"""GGUF files that others made, base models and adapters: whether they fit the model."""

from pathlib import Path

from pipeline.errors import UsageError
from pipeline.gguf.file import GgufFile
from pipeline.gguf.layout import TensorNames, gguf_architecture
from pipeline.gguf.stacked import expected_stacked
from pipeline.models.config import ModelConfig
from pipeline.models.stored_shapes import HEAD

_A, _B = ".lora_a", ".lora_b"
ROPE = "rope_"
"""Begins the names of tensors that hold what the rotary embedding is divided by."""


def check_base_gguf(path: Path, model: ModelConfig) -> Path:
    """The path, if the file holds a base model of that shape and vocabulary.

    Raises:
        UsageError: it doesn't; the error names the first difference.
    """
    check_base(GgufFile.read(path), model)
    return path


def check_base(file: GgufFile, model: ModelConfig) -> None:
    """The same of a file whose header was read before.

    Raises:
        UsageError: as above.
    """
    kind = gguf_architecture(model).name
    file.expect("general.type", "model", default="model")
    file.expect("general.architecture", kind)
    file.expect(f"{kind}.block_count", model.layers)
    file.expect(f"{kind}.embedding_length", model.hidden)
    file.expect(f"{kind}.feed_forward_length", model.intermediate)
    file.expect(f"{kind}.attention.head_count", model.heads)
    file.expect(f"{kind}.attention.head_count_kv", model.kv_heads, model.heads)
    if model.experts is not None:
        file.expect(f"{kind}.expert_count", model.experts.count)
        file.expect(f"{kind}.expert_used_count", model.experts.used)
    _check_tensors(file, model)


def check_adapter_gguf(path: Path, model: ModelConfig) -> Path:
    """The path, if the file holds a LoRA for a model of that shape.

    Raises:
        UsageError: it doesn't, or holds more than pairs of A and B for the seven projections.
    """
    file, names = GgufFile.read(path), TensorNames(model)
    file.expect("general.type", "adapter")
    file.expect("general.architecture", gguf_architecture(model).name)
    file.expect("adapter.type", "lora")
    shapes = {names[f"{module}.weight"]: size for module, size in model.modules().items()}
    if not file.tensors:
        raise UsageError(f"{path}: no tensors; an adapter that changes nothing")
    for name in file.tensors:
        _check_pair(file, name, shapes)
    return path


def _check_tensors(file: GgufFile, model: ModelConfig) -> None:
    """Whether its tensors are the model's, each of its shape; an output layer may be missing."""
    names, shapes, sizes = TensorNames(model), file.shapes, expected_stacked(model)
    if gguf_architecture(model).head == "never":
        del sizes[HEAD]
    for name, wanted in sizes.items():
        found = shapes.get(names[name])
        flat = found == wanted[1:] and wanted[0] == 1  # A matrix of one row, as a vector.
        if found != wanted and not flat and not (found is None and name == HEAD):
            said = "missing" if found is None else f"{found}"
            raise UsageError(f"{file.path}: {names[name]} is {said}, this model needs {wanted}")

    known = {names[name] for name in sizes}
    for name in file.tensors:
        if name not in known and not name.startswith(ROPE):
            raise UsageError(f"{file.path}: holds {name}, which this model has no place for")


def _check_pair(file: GgufFile, name: str, shapes: dict[str, tuple[int, int]]) -> None:
    target = name.removesuffix(_A).removesuffix(_B)
    if target == name or target not in shapes:
        raise UsageError(f"{file.path}: {name} isn't LoRA for one of the model's seven projections")
    if not {f"{target}{_A}", f"{target}{_B}"} <= file.tensors.keys():
        raise UsageError(f"{file.path}: {name} stands alone; A and B come in pairs")
    a, b = (file.tensors[f"{target}{part}"].shape for part in (_A, _B))
    out, in_ = shapes[target]
    if a[1:] != (in_,) or b[:1] != (out,) or a[0] != b[-1]:
        raise UsageError(
            f"{file.path}: {target} is B{list(b)} · A{list(a)}, this model needs [{out}, {in_}]"
        )
