"""The table in docs/engines.md says what the engines do."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from pipeline.adapters.variants import TABLES, VARIANTS
from pipeline.errors import UsageError
from pipeline.inference.engine import Engine
from pipeline.metrics.timeline import RequestRecord
from pipeline.stages.build import build
from pipeline.stages.preflight import preflight
from pipeline.stages.replay import Replay
from tests.optional import needed

ROOT = Path(__file__).parents[1]
BASE = ROOT / "pipeline" / "assets" / "tiny" / "base"
IDS, GIVEN = [5, 6, 7, 40, 41], [8, 9, 5, 40]
HAVING = {
    "use_dora": True,
    "modules_to_save": ["lm_head"],
    "trainable_token_indices": [5, 6, 7, 40],
    "lora_bias": True,
    "lm_head": True,
    "embed_tokens": True,
    "target_parameters": ["self_attn.o_proj.weight"],
}
FEATURES = (ROOT / "docs" / "engines.md").read_text("utf-8").partition("\n## ")[0].splitlines()
TABLE = [[cell.strip() for cell in line.split("|")[1:-1]] for line in FEATURES if line[:1] == "|"]
ROWS = {row[0].strip("`"): dict(zip(TABLE[0][1:], row[1:], strict=True)) for row in TABLE[2:]}


def test_every_engine_has_a_row() -> None:
    assert set(ROWS) == {path.stem for path in (ROOT / "conf" / "engine").glob("*.yaml")}


@pytest.mark.parametrize("engine", ROWS)
def test_precisions_and_bases(engine: str, config: Any) -> None:
    settings = config(f"engine={engine}").engine
    row = ROWS[engine]
    precisions = type(settings).__dataclass_fields__["precision"].type
    assert row["precision"].split(", ") == list(get_args(precisions))
    assert row["quantised base"].split(", ") == sorted(
        settings.quantizations, key=lambda each: (each != "none", each)
    )


@pytest.fixture
def present(engine: str) -> None:
    """Skip an engine whose package isn't there."""
    needed(engine)


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A folder of two adapters that PEFT saved: `odd`, which has a variant, and `other`."""

    @cache
    def made(variant: str) -> Path:
        folder = tmp_path_factory.mktemp(variant)
        _save(folder / "odd", 0, **{variant: HAVING[variant]})
        fellow = {variant: [6, 7, 8]} if variant == "trainable_token_indices" else {}
        _save(folder / "other", 1, **fellow)
        return folder

    return made


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.usefixtures("present")
@pytest.mark.parametrize("engine", ROWS)
def test_what_is_beyond_plain_lora_is_served_as_peft_does_or_refused(
    engine: str, variant: str, beside: Callable[[str], Path], config: Any, prepared: Any
) -> None:
    overrides = (
        *(f"engine={engine}", "adapters=folder", f"adapters.path={beside(variant)}"),
        *("workload/popularity=round_robin", "workload.batch_size=4", "workload.iterations=1"),
        *("workload.max_new_tokens=3", "engine@fidelity.reference=peft_hotswap"),
    )
    if variant not in re.findall(r"`(\w+)`", ROWS[engine]["LoRA beyond plain"]):
        with pytest.raises(UsageError, match=rf"engine={engine} can't serve odd \({variant}\)"):
            preflight([config(*overrides)])
        return
    settings = config(*overrides)
    preflight([settings])
    ready = prepared(*overrides)
    with build(settings, ready) as built:
        _, rows = Replay(built.engine, ready.trace.iterations[0], None).run(0)
        scores = [built.engine.score(name, IDS, GIVEN) for name in ("odd", "other", None)]
    assert [(row.error, len(row.output_ids)) for row in rows] == [(None, 3)] * 4
    if scores[0] is not None:
        folders = {"odd": beside(variant) / "odd", "other": beside(variant) / "other", None: None}
        for mine, folder in zip(scores, folders.values(), strict=True):
            np.testing.assert_allclose(mine, _alone(folder), atol=1e-3)
        prompts = {each.id: each.prompt_ids for each in ready.trace.requests}
        for row in rows:
            alone = _alone(folders[row.adapter], prompts[row.id], row.output_ids)
            best, chosen = alone.max(-1), alone[range(3), row.output_ids]
            np.testing.assert_allclose(chosen, best, atol=1e-2)


@pytest.mark.usefixtures("present")
@pytest.mark.parametrize("engine", ROWS)
def test_mixing_and_scoring(engine: str, config: Any, prepared: Any) -> None:
    overrides = (
        *(f"engine={engine}", "adapters.count=2", "workload/popularity=distinct"),
        *("workload.batch_size=2", "workload.iterations=1", "workload.max_new_tokens=4"),
    )
    settings, ready = config(*overrides), prepared(*overrides)
    with build(settings, ready) as built:
        _, rows = Replay(built.engine, ready.trace.iterations[0], None).run(0)
        scored = can_score(built.engine)
    assert (ROWS[engine]["adapters in one forward"] == "several") == together(rows)
    assert (ROWS[engine]["scores"] == "yes") == scored


def _save(folder: Path, seed: int, **said: Any) -> None:
    """Train nothing: PEFT's own adapter with random numbers, saved by PEFT."""
    torch.manual_seed(seed)
    tables = [name for name in TABLES if said.pop(name, False)]
    base = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    model = get_peft_model(
        base, LoraConfig(r=4, target_modules=["q_proj", "down_proj", *tables], **said)
    )
    with torch.no_grad():
        for number in model.parameters():
            if number.requires_grad:
                number.add_(torch.randn_like(number) * 0.05)
    model.save_pretrained(folder)


def _alone(folder: Path | None, ids: Any = IDS, given: Any = GIVEN) -> Any:
    """What transformers and PEFT say of the adapter where there is no other."""
    model = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    if folder is not None:
        model = PeftModel.from_pretrained(model, folder)
    with torch.inference_mode():
        logits = model.eval()(input_ids=torch.tensor([[*ids, *given[:-1]]])).logits[0]
    return logits[len(ids) - 1 :].log_softmax(-1).numpy()


def together(rows: list[RequestRecord]) -> bool:
    """Whether every request had its first token before any was finished."""
    return max(row.tokens[0] for row in rows) < min(row.finished for row in rows)


def can_score(engine: Engine) -> bool:
    return engine.score(None, [5, 6, 7], [8, 9]) is not None
