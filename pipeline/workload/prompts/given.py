"""Prompts written in the configuration, taken in turn."""

from itertools import cycle, islice
from random import Random

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.prompts.source import Encode, Prompts


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Given(Prompts):
    """Settings: the prompts themselves."""

    name: str
    prompts: tuple[str, ...] = Field(min_length=1)

    def draw(self, count: int, rng: Random, encode: Encode) -> list[str]:
        """In order, over and over."""
        return list(islice(cycle(self.prompts), count))
