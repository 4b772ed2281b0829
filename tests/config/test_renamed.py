"""What stood in configurations of before is found under today's names."""

from pathlib import Path

import pytest
from hydra.utils import get_class

from pipeline.config.renamed import ARMS, current, spelled_today
from pipeline.places import CONF

BEFORE = (Path(__file__).parent / "targets_of_before.txt").read_text().split()
"""Every `_target_` that `conf/` had in a version whose run directories are still read."""


@pytest.mark.parametrize("target", BEFORE)
def test_every_class_of_before_is_found(target: str) -> None:
    values = current({"model": {"_target_": target, "path": target}})
    assert get_class(values["model"]["_target_"])
    assert values["model"]["path"] == target


def test_every_arm_of_before_is_there() -> None:
    assert {*ARMS.values()} <= {path.stem for path in (CONF / "arm").glob("*.yaml")}


@pytest.mark.parametrize(
    ("typed", "today"),
    [
        ("precision=peft_nf4,multilora_int8", "arm=peft_hotswap_nf4,multilora_int8"),
        ("precision=glob(llama_*)", "arm=glob(llama_*)"),
        ("~precision", "~arm"),
        ("engine.precision=int8", "engine.precision=int8"),
    ],
)
def test_what_is_typed(typed: str, today: str) -> None:
    assert spelled_today(typed) == today
