"""`adapters` on models that have experts: of all of a layer at once, one by one, and of routers."""

from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.adapters import Cases, begin_with
from tests.fuzz.campaign import Try
from tests.fuzz.small_adapters import SEVEN, TARGETS, random_values
from tests.fuzz.small_checkpoints import WITH_EXPERTS

ATTENTION = SEVEN[:4]
STACKED = ["experts.gate_up_proj", "experts.down_proj"]
PARAMETERS: tuple[Any, ...] = (
    *(STACKED, STACKED[:1], STACKED[1:], [*STACKED, "gate.weight"], ["gate.weight"], [], None),
    *(["mlp.experts.down_proj"], ["model.layers.1.mlp.experts.gate_up_proj"], ["experts"]),
    *(["self_attn.o_proj.weight"], ["lm_head.weight"], ["down_proj"], ["nothing"], [""]),
    *(["norm.weight"], ["q_proj.weight"], ["shared_expert.up_proj.weight"], STACKED * 2, "experts"),
    *([*STACKED, "q_proj.bias"], ["layers.9.mlp.experts.down_proj"], ["mlp.gate"]),
)
MODULES: tuple[Any, ...] = (
    *(ATTENTION, ["q_proj"], [], ["gate"], ["q_proj", "gate"], ["w1", "w3"], ["w1", "w2", "w3"]),
    *(["v_proj", "w2", "down_proj"], ["gate_proj", "up_proj"], ["experts"], ["mlp"], ["act_fn"]),
    *(["k_proj", "w1", "gate_proj", "shared_expert_gate"], ["shared_expert.down_proj"]),
    *(r".*layers\.1\..*experts\.[02]\.(w2|down_proj)", r".*experts\..*", r".*\.gate"),
    *(r".*experts\.\d+\.(w1|gate_proj)", ["experts.1.up_proj"], ["experts.0.w1", "experts.9.w1"]),
)
PATTERNS = (
    *(r".*\.1\.mlp\.experts\.gate_up_proj", "mlp.experts.down_proj", "experts.1.w1", "gate.weight"),
    *("w1", "gate", "experts", r"experts\.[01]\.up_proj", "gate_up_proj", "down_proj"),
)
SOUND: dict[str, tuple[str, dict[str, Any]]] = {
    "attention": ("F32", {"target_modules": ATTENTION}),
    "stacked": ("F32", {"target_modules": ["q_proj"], "target_parameters": STACKED}),
    "router": (
        "F16",
        {"target_modules": [], "target_parameters": ["gate.weight", *STACKED], "r": 3,
         "rank_pattern": {PATTERNS[0]: 5}, "use_rslora": True},
    ),
    "one layer": (
        "BF16",
        {"target_modules": ["o_proj"], "r": 17,
         "target_parameters": ["model.layers.1.mlp.experts.down_proj"]},
    ),
    "one by one": ("F32", {"target_modules": ["v_proj", "gate", "w1", "w2", *SEVEN[4:]]}),
    "single experts": ("F16", {"target_modules": r".*layers\.1\..*experts\.[02]\.(w1|up_proj)"}),
}  # fmt: skip
"""As `small_adapters.SOUND`."""


def begin(work: Path, arm: str, seed: int) -> Try:
    """As `adapters.begin`."""
    cases = Cases(SOUND, ("attention", "stacked", "router"), values)
    return begin_with(WITH_EXPERTS, cases, work, arm, seed)


def values(rng: Random) -> dict[str, Any]:
    """A configuration that somebody may have."""
    found = random_values(rng) | {"target_modules": rng.choice((*MODULES, *MODULES, *TARGETS))}
    if rng.random() < 0.5:
        found["target_parameters"] = rng.choice(PARAMETERS)
    for key, numbers in (("rank_pattern", (1, 2, 3, 20)), ("alpha_pattern", (1, 5, 0, 2.5))):
        if rng.random() < 0.3:
            found[key] = found.get(key, {}) | {rng.choice(PATTERNS): rng.choice(numbers)}
    return found
