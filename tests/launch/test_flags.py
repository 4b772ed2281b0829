"""Hydra's flags: each does what it says, or a line says why not."""

import pytest

from pipeline.errors import UsageError
from pipeline.launch.flags import read_flags


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("-m --cfg job", "--cfg shows one configuration"),
        ("--info --cfg job", "ask for different things"),
        ("--cfg everything", "invalid choice: 'everything'"),
        ("--cfg", "expected one argument"),
        ("--info nothing", "invalid choice: 'nothing'"),
        ("--package engine", "says what --cfg shows"),
        ("--resolve", "says how --cfg shows"),
        ("--experimental-rerun x", "no run keeps such a file"),
        ("--config-dir /no/where", "--config-dir=/no/where: no such folder"),
        ("--multirum", "did you mean --multirun?"),
        ("-x", "-x: no such flag"),
        ("threads=1 --dry-run", "--dry-run: no such flag"),
    ],
)
def test_a_wrong_flag_is_one_line(typed, said):
    with pytest.raises(UsageError) as refusal:
        read_flags(typed.split())
    assert said in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("typed", ["--cfg job --resolve", "-m a=1,2", "--cfg all -p engine", "-h"])
def test_right_ones_are_read(typed):
    read_flags(typed.split())
