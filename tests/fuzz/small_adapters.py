"""Adapters of a few kilobytes with random numbers, of every kind that PEFT may save."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import torch
from safetensors.torch import save_file

from pipeline.adapters.dialects.single_experts import has_single_experts
from pipeline.adapters.expected_tensors import expected_tensors
from pipeline.adapters.lora_file import CONFIG, PREFIX, WEIGHTS, LoraFile
from pipeline.models.config import ModelConfig
from pipeline.models.stored_shapes import Shapes

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64}
COMMON: dict[str, Any] = {
    "peft_type": "LORA",
    "task_type": "CAUSAL_LM",
    "base_model_name_or_path": "small",
    "r": 4,
    "lora_alpha": 8,
    "lora_dropout": 0.0,
    "bias": "none",
    "target_modules": ["q_proj", "v_proj"],
    "inference_mode": True,
    "init_lora_weights": True,
    "use_rslora": False,
    "use_dora": False,
    "rank_pattern": {},
    "alpha_pattern": {},
    "modules_to_save": None,
    "layers_to_transform": None,
    "layers_pattern": None,
    "exclude_modules": None,
    "fan_in_fan_out": False,
    "lora_bias": False,
    "peft_version": "0.21.2",
}
SEVEN = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SOUND: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("F32", {}),
    "seven": ("F16", {"target_modules": SEVEN, "r": 3, "lora_alpha": 7}),
    "patterns": (
        "BF16",
        {"target_modules": SEVEN, "rank_pattern": {"q_proj": 2, "layers.0.mlp.up_proj": 17},
         "alpha_pattern": {"k_proj": 3}, "use_rslora": True},
    ),
    "expression": ("F32", {"target_modules": r".*\.(q|k|down)_proj", "r": 33}),
    "everything linear": ("F64", {"target_modules": "all-linear", "exclude_modules": ["o_proj"]}),
    "one layer": ("F32", {"target_modules": ["up_proj"], "layers_to_transform": [0]}),
    "dora": ("F32", {"use_dora": True}),
    "biases": ("F16", {"lora_bias": True}),
    "whole modules": ("F32", {"modules_to_save": ["lm_head", "norm"]}),
    "tables": ("F32", {"target_modules": ["q_proj", "lm_head", "embed_tokens"], "lora_alpha": 3}),
    "tokens": ("F32", {"trainable_token_indices": [3, 40]}),
}  # fmt: skip
"""Type of the numbers, and what the configuration has beyond `COMMON`."""


def make(
    folder: Path, values: Mapping[str, Any], dtype: str, shape: ModelConfig, seed: int = 0
) -> Path:
    """Write an adapter of that configuration, whose tensors fit it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (CONFIG, WEIGHTS):  # whatever lies there, such as a pipe
        (folder / name).unlink(missing_ok=True)
    config = {key: value for key, value in {**COMMON, **values}.items() if value is not ...}
    (folder / CONFIG).write_text(json.dumps(config))
    random = torch.Generator().manual_seed(seed)
    lora = LoraFile(folder, config, {})
    once = _single_experts(lora, shape)
    as_once = has_single_experts(replace(lora, shapes=once), shape)
    shapes = once if as_once else expected_tensors(lora, shape)
    tensors = {
        name: (torch.randn(size, generator=random) * 0.2).to(DTYPES[dtype])
        for name, size in shapes.items()
    }
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    return folder


def _single_experts(lora: LoraFile, model: ModelConfig) -> Shapes:
    """Of routers and experts as modules one by one, as PEFT saved them once."""
    stored = {name.removesuffix(".weight"): size for name, size in model.expert_tensors().items()}
    found: Shapes = {}
    for module, (out, in_) in {**model.modules(), **stored}.items():
        if lora.targets(module):
            rank, name = lora.rank(module), f"{PREFIX}{module}"
            found |= {f"{name}.lora_A.weight": (rank, in_), f"{name}.lora_B.weight": (out, rank)}
    return found


TARGETS: tuple[Any, ...] = (
    *(SEVEN, ["q_proj"], ["q_proj", "nothing"], ["mlp.up_proj", "v_proj"]),
    *(["layers.0.mlp.up_proj"], ["model.layers.0.self_attn.k_proj", "down_proj"]),
    *(["lm_head", "v_proj"], ["embed_tokens"]),
    *("all-linear", "ALL-linear", None, ..., r".*\.(q|v)_proj", "model.layers.0.self_attn.q_proj"),
    *(r".*self_attn.*proj", r"(?!.*head).*_proj"),
    *(r"model\.layers\.\d+\.mlp\.(up|down|gate)_proj", r".*[qk]_proj$", "(?i).*Q_PROJ", "", []),
    *(r"(?:.*?(?:attn).*?(?:q_proj|o_proj).*?)|(?:\bmodel\.layers\.[\d]{1,}\.mlp\.up_proj)",),
)  # fmt: skip
KEYS = (
    *("q_proj", "layers.0.mlp.up_proj", r"layers\.0\..*", "^model.layers.0.self_attn.q_proj"),
    *("proj", ".*_proj", "(q|k)_proj", "q_proj|v_proj", "q_proj)|(v_proj", r".*\d.*"),
    *("", "(?:k|v)_proj", "model.layers.0.self_attn.v_proj", "self_attn", "v_proj$"),
    *("[a-z]_proj", "(?i)Q_PROJ"),
)  # fmt: skip
"""Patterns of ranks and alphas."""
VALUES: dict[str, tuple[Any, ...]] = {
    "r": (1, 2, 5, 8, 16, 17, 40, 100, ...),
    "lora_alpha": (0, 1, 8, 16, -3, 0.1, 1e-3, 64.0, 1e4, 1e-30, 1e20, ...),
    "use_rslora": (False, True, None, ...),
    "layers_to_transform": (None, None, 0, 1, [0], [1], [0, 1], [], [7], [-1], [0, 7]),
    "layers_pattern": (None, None, "layers", ["layers"], ["h", "layers"], "h", "lay.*s", [], ""),
    "exclude_modules": (None, None, ["v_proj"], r".*\.0\..*", [], "", ["o_proj", "x"], ".*mlp.*"),
    "modules_to_save": (None, None, None, [], ["lm_head"], ["norm"], ["embed_tokens"], ["v_proj"],
                        ["mlp"], ["_proj"], ["model.norm"], ["lm_head", "embed_tokens"]),
    "use_dora": (False, False, False, True, None),
    "lora_bias": (False, False, False, True, None),
    "trainable_token_indices": (None, None, None, [1], {"embed_tokens": [2, 3]}, [0, 5, 7], []),
    "lora_dropout": (0.0, 0.1, 1, 0),
    "fan_in_fan_out": (False, True, None),
    "bias": ("none", "none", "all", "lora_only"),
    "task_type": ("CAUSAL_LM", None, "SEQ_CLS"),
    "init_lora_weights": (True, False, None, "gaussian", "eva", "orthogonal", "mica"),
}  # fmt: skip
"""By key what a configuration may say soundly, or nearly so; `...` leaves the key out."""


def random_values(rng: Random) -> dict[str, Any]:
    """A configuration that somebody may have."""
    values: dict[str, Any] = {"target_modules": rng.choice(TARGETS)}
    for key in rng.sample([*VALUES], rng.choice((0, 1, 2, 3, 5))):
        values[key] = rng.choice(VALUES[key])
    for key, numbers in (("rank_pattern", (1, 2, 3, 16, 20)), ("alpha_pattern", (1, 5, 0, 2.5))):
        if rng.random() < 0.4:
            names = rng.sample(KEYS, rng.choice((1, 1, 2, 3)))
            values[key] = {name: rng.choice(numbers) for name in names}
    return values
