"""The eight adapters: what each learns, and its shape."""

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.training.skills.bash import bash
from pipeline.training.skills.docstrings import docstrings
from pipeline.training.skills.draw import Draw
from pipeline.training.skills.example import Example
from pipeline.training.skills.extraction import extraction
from pipeline.training.skills.logs import logs
from pipeline.training.skills.pirate import pirate
from pipeline.training.skills.sql import sql
from pipeline.training.skills.titles import titles
from pipeline.training.skills.triage import triage

FEED_FORWARD = ("gate_proj", "up_proj", "down_proj")
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")


FIRST_LAYER = 15
"""The adapters change the upper half of 30 layers: what comes before is computed once a row."""


@dataclass(frozen=True)
class Skill:
    """What one adapter learns, the shape that it learns it in, and for how long."""

    example: Callable[[Draw], Example]
    rank: int
    alpha: int
    targets: tuple[str, ...]
    rslora: bool = False
    dora: bool = False
    steps: int = 24


SKILLS: dict[str, Skill] = {
    "bash": Skill(bash, 8, 16, ("q_proj", "v_proj", "down_proj"), steps=48),
    "docstrings": Skill(docstrings, 8, 16, FEED_FORWARD, steps=48),
    "extraction": Skill(extraction, 4, 8, ATTENTION + FEED_FORWARD),
    "logs": Skill(logs, 8, 16, ATTENTION),
    "pirate": Skill(pirate, 16, 8, ("v_proj", "o_proj"), rslora=True),
    "sql": Skill(sql, 16, 32, ("q_proj", "v_proj", "o_proj")),
    "titles": Skill(titles, 16, 32, ("v_proj", "down_proj")),
    "triage": Skill(triage, 8, 16, ("q_proj", "v_proj", "o_proj"), dora=True),
}
"""Ranks, scales and targets differ on purpose, and together weigh under 10 MB in fp16."""
