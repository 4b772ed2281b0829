"""Adapters that MLX's `mlx_lm.lora` has saved.

A module adds scale · x·A·B, with A (in, rank) and B (rank, out), so that both lie turned, and the
scale stands in the configuration as it is: https://github.com/ml-explore/mlx-lm.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pipeline.adapters.dialects.conversion import Conversion
from pipeline.adapters.dialects.peft_names import inside_model
from pipeline.adapters.lora_file import (
    AGAIN,
    CONFIG,
    MAX_CONFIG_BYTES,
    PREFIX,
    LoraFile,
    floating_tensors,
)
from pipeline.adapters.variants import TABLES
from pipeline.errors import UsageError, shown
from pipeline.models.config import ModelConfig
from pipeline.models.files import is_number, read_object
from pipeline.models.weights import StoredWeights

WEIGHTS = "adapters.safetensors"
KINDS = ("lora", "dora")
_PARTS = {"lora_a": "lora_A.weight", "lora_b": "lora_B.weight", "m": "lora_magnitude_vector"}
_OF_TABLE = {"lora_a": "lora_embedding_A", "lora_b": "lora_embedding_B", "m": _PARTS["m"]}


def read_mlx(folder: Path, model: ModelConfig) -> tuple[LoraFile, Conversion]:
    """The adapter as PEFT would have saved it, and how its file becomes PEFT's.

    Raises:
        UsageError: a file isn't there or broken, or isn't of LoRA or DoRA.
    """
    config = read_object(folder / CONFIG, AGAIN, MAX_CONFIG_BYTES)
    rank, scale, dora = _parameters(config, str(folder / CONFIG))
    stored = floating_tensors(folder / WEIGHTS)
    named = {_name(name, folder, model): each for name, each in stored.items()}
    if len(named) < len(stored):
        raise UsageError(f"{folder}: two of its tensors are of one name in PEFT; save it again")

    def numbers() -> Iterator[NDArray[Any]]:
        with StoredWeights.read([folder / WEIGHTS], AGAIN).open() as opened:
            yield from (opened.read(each).T for each in named.values())

    declared = {name: (each.dtype, each.shape[::-1]) for name, each in named.items()}
    conversion = Conversion((folder / CONFIG, folder / WEIGHTS), declared, numbers)
    said = _as_peft(config, rank, scale, dora, conversion.shapes)
    return LoraFile(folder, said, conversion.shapes), conversion


def _parameters(config: Mapping[str, Any], where: str) -> tuple[int, float, bool]:
    """Rank, scale, and whether it is DoRA.

    Older versions multiply the scale by alpha / rank, newer ones don't read alpha; no file says
    which wrote it.
    """
    kind, said = config.get("fine_tune_type", KINDS[0]), config.get("lora_parameters")
    if kind not in KINDS:
        raise UsageError(
            f"{where}: fine_tune_type is {shown(kind)}, not one of {', '.join(KINDS)}; whole "
            "weights are a model: fuse them (mlx_lm.fuse) and serve that by model=folder"
        )
    if not isinstance(said, dict):
        raise UsageError(f"{where}: lora_parameters is {shown(said)}, not an object; correct it")
    rank, scale, alpha = said.get("rank"), said.get("scale"), said.get("alpha")
    if type(rank) is not int or rank < 1:
        raise UsageError(
            f"{where}: lora_parameters.rank is {shown(rank)}, not a whole number "
            "above 0; correct it"
        )
    if not is_number(scale):
        raise UsageError(
            f"{where}: lora_parameters.scale is {shown(scale)}, not a finite number; correct it"
        )
    if alpha is not None and alpha != rank:
        raise UsageError(
            f"{where}: lora_parameters has alpha beside scale, which versions of mlx_lm read "
            "differently; take alpha out if scale alone counts, else set scale to scale·alpha/rank"
        )
    return rank, float(said["scale"]), kind == "dora"


def _name(stored: str, folder: Path, model: ModelConfig) -> str:
    path, _, part = ".".join(inside_model(stored)).rpartition(".")
    parts = _OF_TABLE if path == TABLES["embed_tokens"] else _PARTS
    if part not in parts or path not in model.every_module():
        raise UsageError(
            f"{folder / WEIGHTS}: tensor {stored} isn't of an MLX adapter for this "
            f"{model.family.name} model; save it from such a model"
        )
    return f"{PREFIX}{path}.{parts[part]}"


def _as_peft(
    config: Mapping[str, Any], rank: int, scale: float, dora: bool, tensors: Mapping[str, Any]
) -> dict[str, Any]:
    modules = {name.rpartition(".lora_")[0].removeprefix(PREFIX) for name in tensors}
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": config.get("model"),
        "r": rank,
        "lora_alpha": scale * rank,
        "target_modules": sorted(modules),
        "use_dora": dora,
        "bias": "none",
        "inference_mode": True,
    }
