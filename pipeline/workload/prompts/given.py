"""Prompts written in the configuration, taken in turn."""

from collections.abc import Sequence
from itertools import cycle, islice
from random import Random

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.prompts.pool import Pool
from pipeline.workload.prompts.source import Prompt
from pipeline.workload.text_file import whole_text

KEY = "workload.prompts.prompts"


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Given(Pool):
    """Settings: the prompts themselves."""

    name: str
    prompts: tuple[str, ...] = Field(min_length=1)

    source = KEY

    def read(self) -> list[Prompt]:
        """As they were given."""
        places = [f"{KEY}: number {number}" for number in range(len(self.prompts))]
        return [
            Prompt(whole_text(where, text), where)
            for where, text in zip(places, self.prompts, strict=True)
        ]

    @property
    def random(self) -> bool:
        """Each in its turn."""
        return False

    def pick(self, prompts: Sequence[Prompt], count: int, rng: Random) -> list[Prompt]:
        """In order, over and over."""
        return list(islice(cycle(prompts), count))
