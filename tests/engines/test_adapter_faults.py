"""Engines that serve their adapters nearly right: INVALID, where honest rounding is not."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.engines.judged import Judged
from tests.engines.misnamed import NEARLY_RIGHT, Misnamed, Name, nearly_right

TINY = (
    "adapters.count=4",
    "workload/popularity=round_robin",
    "workload.batch_size=8",
    "workload.iterations=1",
    "workload/prompts=sized",
    "workload.prompts.tokens=24",
    "workload.max_new_tokens=8",
)
ARMS = (
    "llama_cpp_f16",
    "llama_cpp_q8_0",
    "llama_cpp_q4_0",
    "peft_hotswap_int8",
    "peft_hotswap_nf4",
    "multilora_int8",
    "multilora_int4",
)


def _of_another(names: list[str], name: Name) -> Name:
    return name and names[(names.index(name) + 1) % len(names)]


def _ways(ready: Judged) -> dict[str, Callable[[Name], Name]]:
    """By what goes wrong: whose weights a request for an adapter is served by."""
    names = [each.name for each in ready.prepared.adapters]
    nearly = {way: lambda name, way=way: name and f"{name}.{way}" for way in NEARLY_RIGHT}
    return {"another": partial(_of_another, names), "none": lambda _: None, **nearly}


def strayed(reasons: tuple[str, ...]) -> tuple[str, ...]:
    """Those that a run would get for the path that serves."""
    return tuple(each for each in reasons if each.startswith(("path_kl", "effect_error")))


@pytest.fixture
def uncaught(judging: Any, tmp_path: Path) -> Callable[..., list[str]]:
    """Which faults of an engine's pass; it must pass itself."""

    def found(*overrides: str) -> list[str]:
        beside = lambda prepared: nearly_right(prepared, tmp_path)  # noqa: E731
        with judging(*overrides, beside=beside) as ready:
            assert strayed(ready.reasons()) == ()
            return [
                way
                for way, served in _ways(ready).items()
                if not strayed(replace(ready, engine=Misnamed(ready.engine, served)).reasons())
            ]

    return found


@pytest.mark.parametrize("arm", ARMS)
def test_adapters_served_otherwise_make_a_run_invalid(arm: str, uncaught: Any) -> None:
    assert uncaught(*TINY, f"arm={arm}") == []
