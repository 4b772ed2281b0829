"""LoRA adapters in llama.cpp's format."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.adapters.config_check import check_config
from pipeline.adapters.dialects.conversion import Conversion
from pipeline.adapters.lora_file import PREFIX, LoraFile
from pipeline.errors import UsageError
from pipeline.gguf.dequantise import GgufRows, check_types
from pipeline.gguf.file import GgufFile
from pipeline.gguf.layout import TensorNames, check_family, part, rotated_heads
from pipeline.gguf.ready_made import check_adapter_gguf
from pipeline.models.config import ModelConfig

ALPHA, INVOCATION = "adapter.lora.alpha", "adapter.alora.invocation_tokens"
_DTYPES = {"f16": "F16"}
"""In which numbers are kept that aren't kept in fp32."""


def read_gguf(path: Path, model: ModelConfig) -> tuple[LoraFile, Conversion]:
    """The adapter as PEFT would have saved it, and how its file becomes PEFT's.

    llama.cpp scales B·A by alpha / rank, each module by its own rank, and by 1 where alpha is 0. In
    its Llama the rows of queries and keys stand in another order.

    Raises:
        UsageError: the file is broken, holds no LoRA for such a model, or numbers of a type that
            isn't read.
    """
    check_family(model, str(path))
    file, names = GgufFile.read(check_adapter_gguf(path, model)), TensorNames(model)
    stored = {module: names[f"{module}.weight"] for module in model.modules()}
    modules = {each: name for each, name in stored.items() if f"{name}.lora_a" in file.tensors}
    tensors = {
        f"{PREFIX}{module}.lora_{letter}.weight": f"{name}.lora_{letter.lower()}"
        for module, name in modules.items()
        for letter in "AB"
    }
    _check_invocation(file)
    check_types(file, tensors.values())

    def numbers() -> Iterator[NDArray[Any]]:
        with GgufRows(file) as rows:
            for ours, name in tensors.items():
                found, heads = rows.rows(name), rotated_heads(ours, model)
                in_order = part(found, heads) if heads and ".lora_B." in ours else found
                yield in_order.astype(np.float16 if dtype(name) == "F16" else np.float32)

    def dtype(name: str) -> str:
        return _DTYPES.get(file.tensors[name].type, "F32")

    declared = {ours: (dtype(name), file.tensors[name].shape) for ours, name in tensors.items()}
    ranks = {module: file.tensors[f"{name}.lora_a"].shape[0] for module, name in modules.items()}
    conversion = Conversion((path,), declared, numbers)
    config = _as_peft(file, ranks)
    check_config(config, str(path))
    return LoraFile(path, config, conversion.shapes), conversion


def _check_invocation(file: GgufFile) -> None:
    if INVOCATION in file.metadata:
        raise UsageError(
            f"{file.path}: {INVOCATION}: it takes effect from some tokens on, which no engine "
            "here does"
        )


def _as_peft(file: GgufFile, ranks: Mapping[str, int]) -> dict[str, Any]:
    rank, alpha = max(ranks.values()), file.metadata.get(ALPHA) or 0.0
    others = {module: own for module, own in ranks.items() if own != rank}
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": None,
        "r": rank,
        "lora_alpha": alpha or rank,
        "rank_pattern": others,
        "alpha_pattern": {} if alpha else others,
        "target_modules": sorted(ranks),
        "bias": "none",
        "inference_mode": True,
    }
