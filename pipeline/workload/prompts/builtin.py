"""The prompts that come with the project: a text file, one prompt a line."""

from pathlib import Path
from random import Random

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.prompts.source import Encode, Prompts
from pipeline.workload.randomness import below

FILE = Path(__file__).with_name("builtin.txt")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Builtin(Prompts):
    """Settings of `workload/prompts=builtin`."""

    name: str

    def draw(self, count: int, rng: Random, encode: Encode) -> list[str]:
        """Independent draws from the file."""
        lines = FILE.read_text("utf-8").splitlines()
        return [lines[below(rng, len(lines))] for _ in range(count)]
