"""The adapters kept with the code: small, safe to load, and each the best at its own skill."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipeline.models.checkpoint import Checkpoint
from pipeline.models.safetensors_copy import library_folder
from pipeline.training.skills.__main__ import FOLDER
from pipeline.training.skills.draw import Draw
from pipeline.training.skills.forward import embedded, losses, through
from pipeline.training.skills.packing import exchange, packed
from pipeline.training.skills.recipes import FIRST_LAYER, SKILLS

ADAPTERS = FOLDER / "adapters"
CONFIGS = {
    path.parent.name: json.loads(path.read_text("utf-8"))
    for path in sorted(ADAPTERS.glob("*/adapter_config.json"))
}
HELD_OUT = 2
"""Chats of each skill that all adapters are judged by; their seeds are not among the training's."""


def test_all_together_are_under_ten_megabytes_in_half_precision() -> None:
    paths = sorted(ADAPTERS.glob("*/adapter_model.safetensors"))
    assert [path.parent.name for path in paths] == sorted(SKILLS)
    assert sum(each.stat().st_size for each in FOLDER.rglob("*") if each.is_file()) < 10_000_000
    for path in paths:
        with safe_open(path, framework="pt") as weights:
            assert {weights.get_slice(key).get_dtype() for key in weights.keys()} == {"F16"}  # noqa: SIM118


def test_configurations_are_the_recipes_and_name_no_folder() -> None:
    assert set(CONFIGS) == set(SKILLS)
    for name, skill in SKILLS.items():
        saved = CONFIGS[name]
        assert (saved["r"], saved["lora_alpha"]) == (skill.rank, skill.alpha)
        assert (saved["use_rslora"], saved["use_dora"]) == (skill.rslora, skill.dora)
        assert set(saved["target_modules"]) == set(skill.targets)
        assert saved["layers_to_transform"] == list(range(FIRST_LAYER, 30))
        assert saved["base_model_name_or_path"] == "smollm2"


def test_shapes_are_mixed() -> None:
    skills = SKILLS.values()
    assert {skill.rank for skill in skills} == {4, 8, 16}
    assert len({skill.targets for skill in skills}) >= 6
    assert sum(skill.rslora for skill in skills) == sum(skill.dora for skill in skills) == 1


@pytest.fixture(scope="module")
def matrix(smollm2: Checkpoint) -> dict[str, dict[str, float]]:
    """Mean loss by skill of the chats, then by adapter; "base" is the model without one."""
    torch.set_num_threads(1)
    folder = library_folder(smollm2)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    draws = [(name, Draw(f"judged:{name}", at, True)) for name in SKILLS for at in range(HELD_OUT)]
    row = packed([exchange(tokenizer, SKILLS[name].example(draw)) for name, draw in draws])
    layers, found = base.model.layers, {name: dict[str, float]() for name in SKILLS}
    with torch.inference_mode():
        lower = through(base, layers[:FIRST_LAYER], row, embedded(base, row))
        for adapter in _each_in_turn(base):
            each = losses(base, row, through(base, layers[FIRST_LAYER:], row, lower))
            for number, name in enumerate(SKILLS):
                found[name][adapter] = float(each[row.owners // HELD_OUT == number].mean())
    return found


def _each_in_turn(base: Any) -> Iterator[str]:
    """Put no adapter into the base, then one after the other."""
    yield "base"
    first, *others = SKILLS
    model = PeftModel.from_pretrained(base, ADAPTERS / first, adapter_name=first).eval()
    for name in others:
        model.load_adapter(str(ADAPTERS / name), adapter_name=name)
    for name in SKILLS:
        model.set_adapter(name)
        yield name


@pytest.mark.parametrize("skill", SKILLS)
def test_nothing_finds_a_skills_answers_likelier_than_its_adapter(
    matrix: dict[str, dict[str, float]], skill: str
) -> None:
    assert min(matrix[skill], key=matrix[skill].__getitem__) == skill
