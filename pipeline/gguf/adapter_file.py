"""GGUF adapters that others made, checked against the base model."""

from pathlib import Path

from pipeline.errors import UsageError
from pipeline.gguf.file import GgufFile
from pipeline.models.config import ModelConfig

_A, _B = ".lora_a", ".lora_b"


def check_adapter_gguf(path: Path, model: ModelConfig) -> Path:
    """The path, if the file holds a LoRA for a model of that shape.

    Raises:
        UsageError: it doesn't, or holds more than pairs of A and B for the seven projections.
    """
    from pipeline.gguf.layout import TensorNames, gguf_architecture

    file, names = GgufFile.read(path), TensorNames(model)
    file.expect("general.type", "adapter")
    file.expect("general.architecture", gguf_architecture(model))
    file.expect("adapter.type", "lora")
    shapes = {names[f"{module}.weight"]: size for module, size in model.modules().items()}
    if not file.shapes:
        raise UsageError(f"{path}: no tensors; an adapter that changes nothing")
    for name in file.shapes:
        _check_pair(file, name, shapes)
    return path


def _check_pair(file: GgufFile, name: str, shapes: dict[str, tuple[int, int]]) -> None:
    target = name.removesuffix(_A).removesuffix(_B)
    if target == name or target not in shapes:
        raise UsageError(f"{file.path}: {name} isn't LoRA for one of the model's seven projections")
    a, b = (file.shapes.get(f"{target}{part}") for part in (_A, _B))
    if a is None or b is None:
        raise UsageError(f"{file.path}: {name} stands alone; A and B come in pairs")
    out, in_ = shapes[target]
    if a[1:] != (in_,) or b[:1] != (out,) or a[0] != b[-1]:
        raise UsageError(
            f"{file.path}: {target} is B{list(b)} · A{list(a)}, this model needs [{out}, {in_}]"
        )
