"""The tables of docs/models.md say what the engines' own checks say."""

import json
import re
from pathlib import Path

import pytest

from pipeline.engines.ik_llama_cpp.settings import IkLlamaCppSettings
from pipeline.engines.llama_cpp.settings import LlamaCppSettings
from pipeline.engines.multilora.model_check import check_model
from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.engines.noop import NoopSettings
from pipeline.engines.transformers.merged import MergedSettings
from pipeline.engines.transformers.peft_hotswap import PeftHotswapSettings
from pipeline.engines.transformers.peft_mixed import PeftMixedSettings
from pipeline.errors import UsageError
from pipeline.gguf.check import check_gguf
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig
from pipeline.models.families import FAMILIES

PAGE = (Path(__file__).parents[1] / "docs" / "models.md").read_text("utf-8")
LINES = [line for line in PAGE.partition("\n## Families")[2].splitlines() if line[:1] == "|"]
TABLE = [[cell.strip() for cell in line.split("|")[1:-1]] for line in LINES]
ROWS = {row[0].strip("`"): dict(zip(TABLE[0], row, strict=True)) for row in TABLE[2:]}
SHAPE = {
    **{"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "vocab_size": 64},
    **{"num_attention_heads": 4, "num_key_value_heads": 2, "pad_token_id": 0},
}
PUBLISHED = {"qwen3_moe": {"norm_topk_prob": True}, "olmoe": {"num_key_value_heads": 4}}
"""What all published models of a family say, and a silent file doesn't mean."""
REFUSED = [
    (family, engine, key, value)
    for family, row in ROWS.items()
    for engine in ("multilora", "llama_cpp")
    for key, value in re.findall(r"`(\w+)=([^`]+)`", row[f"`{engine}`"])
]

SETTINGS = {
    "multilora": MultiloraSettings,
    "peft_hotswap": PeftHotswapSettings,
    "peft_mixed": PeftMixedSettings,
    "merged": MergedSettings,
    "llama_cpp": LlamaCppSettings,
    "ik_llama_cpp": IkLlamaCppSettings,
}
_, *FEATURES = re.split(r"\n\|[ |]*`multilora` \|", PAGE.partition("\n## Families")[0])
CELLS = [
    (re.findall(r"`(\w+)`", line)[0], [cell.strip() for cell in line.split("|")[2:-1]])
    for line in FEATURES[-1].partition("\n\n")[0].splitlines()[2:]
]


def checked(engine: str, family: str, **values: object) -> None:
    said = {"model_type": family, **SHAPE, **PUBLISHED.get(family, {}), **values}
    config = ModelConfig.from_config(said, "config.json")
    if engine == "multilora":
        check_model(config, "here")
    else:
        check_gguf(Checkpoint(Path("nowhere"), config), "f32")


@pytest.mark.parametrize(("feature", "cells"), CELLS, ids=[feature for feature, _ in CELLS])
def test_what_an_adapter_may_have(feature: str, cells: list[str]) -> None:
    said = {engine: cell != "no" for engine, cell in zip(SETTINGS, cells, strict=True)}
    assert said == {name: feature in settings.variants for name, settings in SETTINGS.items()}


def test_no_feature_is_left_out() -> None:
    assert sorted(feature for feature, _ in CELLS) == sorted(NoopSettings.variants)


def test_every_family_has_a_row() -> None:
    assert [*ROWS] == [*FAMILIES]


@pytest.mark.parametrize("engine", ["multilora", "llama_cpp"])
@pytest.mark.parametrize("family", ROWS)
def test_a_plain_model_is_served(family: str, engine: str) -> None:
    checked(engine, family)


@pytest.mark.parametrize(("family", "engine", "key", "value"), REFUSED)
def test_what_is_said_to_be_refused_is(family: str, engine: str, key: str, value: str) -> None:
    with pytest.raises(UsageError) as refused:
        checked(engine, family, **{key: json.loads(value)})
    assert "config.json" not in str(refused.value) and "\n" not in str(refused.value)
