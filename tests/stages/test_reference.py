"""The reference: made once, kept by all that decides it, and gone before the engine comes."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import WEIGHTS
from pipeline.machine.memory import AvailableMemory
from pipeline.stages import reference as stage
from pipeline.stages.reference import refer

SETUP = (
    "threads=1",
    "adapters.count=2",
    "workload/popularity=round_robin",
    "workload.batch_size=4",
    "workload.iterations=2",
    "workload.max_new_tokens=6",
    "fidelity.max_tokens=3",
)
MODEL = "0" * 64


def inline(recipe: Any, path: Path) -> None:
    stage._write(stage.answer(recipe), path)


def forbidden(recipe: Any, path: Path) -> None:
    raise AssertionError("made again")


@pytest.fixture
def made(config: Any, prepared: Any, tmp_path: Path) -> Any:
    fresh = f"paths.cache={tmp_path}/cache"

    def make(*overrides: str) -> Any:
        asked = (*SETUP, fresh, *overrides)
        return refer(config(*asked), prepared(*asked), MODEL)

    return make


def test_made_in_a_process_of_its_own_then_found_again(made: Any, monkeypatch: Any) -> None:
    first = made()
    assert first.trouble is None
    monkeypatch.setattr(stage, "_in_its_own_process", forbidden)
    again = made("engine=peft_mixed", "sampling.do_sample=true", "fidelity.max_kl=0.1")
    assert again.identity == first.identity
    for one, other in zip(first.answers, again.answers, strict=True):
        assert one.token_ids == other.token_ids
        assert np.array_equal(one.scores, other.scores)


def test_the_excerpt_is_bounded_and_scored(made: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(stage, "_in_its_own_process", inline)
    answers = made().answers
    assert [each.request.adapter for each in answers] == ["csv", "html", "csv", "html"]
    for each in answers:
        assert len(each.token_ids) == 3
        assert each.scores.shape == (3, 2048)
        assert np.exp(each.scores).sum(axis=1) == pytest.approx(1, rel=1e-5)
        assert each.scores.argmax(axis=1).tolist() == list(each.token_ids)


@pytest.mark.parametrize(
    "override",
    [
        "fidelity.max_tokens=2",
        "fidelity.requests_per_adapter=1",
        "workload.seeds.prompts=1",
        "engine@fidelity.reference=peft_hotswap",
        "fidelity.reference.precision=bf16",
        "sampling.ignore_eos=false",
    ],
)
def test_whatever_decides_it_is_in_its_identity(override: str, config: Any, prepared: Any) -> None:
    def identity(*overrides: str) -> Any:
        recipe = stage._recipe(config(*SETUP, *overrides), prepared(*SETUP, *overrides))
        return stage._identity(recipe, MODEL)

    assert identity() == identity("engine=merged", "threads=2")
    assert identity() == identity("sampling.stop=[e]", "sampling.presence_penalty=1")
    assert identity(override) != identity()


@pytest.mark.parametrize("engine", ["merged", "multilora", "llama_cpp"])
def test_its_identity_can_be_kept_whatever_the_engine_is_told(
    engine: str, config: Any, prepared: Any
) -> None:
    asked = (*SETUP, f"engine@fidelity.reference={engine}")
    identity = stage._identity(stage._recipe(config(*asked), prepared(*asked)), MODEL)
    assert json.loads(json.dumps(identity))["engine"]["name"] == engine


def test_a_reference_cut_short_is_made_again(made: Any, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(stage, "_in_its_own_process", inline)
    first = made()
    (path,) = tmp_path.rglob("references/*.safetensors")
    path.write_bytes(path.read_bytes()[:1000])
    assert made().answers[0].token_ids == first.answers[0].token_ids


def test_what_there_is_no_memory_for_is_not_tried(made: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(stage, "_in_its_own_process", forbidden)
    monkeypatch.setattr(stage, "room_of", lambda config: AvailableMemory(10**7, "there"))
    trouble = made().trouble
    assert trouble.startswith("the reference could not be made: memory: at least 0.0")
    assert "weights in fp32" in trouble and "(there)" in trouble


def test_trouble_is_told_and_leaves_no_file(config: Any, prepared: Any, tmp_path: Path) -> None:
    ready = prepared(*SETUP)
    good = ready.adapters[0]
    folder = shutil.copytree(good.folder, tmp_path / "spoilt")
    bad = Adapter.open(good.name, folder, ready.checkpoint.config)
    (folder / WEIGHTS).write_bytes(b"not a tensor")
    found = refer(config(*SETUP), replace(ready, adapters=(bad, *ready.adapters[1:])), MODEL)
    assert found.answers == ()
    trouble = found.trouble or ""
    assert trouble.startswith("the reference could not be made: ")
    assert f"{folder / WEIGHTS}: not whole" in trouble
    assert not list(tmp_path.rglob("references/*.safetensors"))
