"""What `engine=paced` is told."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.engines.settings import EngineSettings
from pipeline.metrics.step_law import StepLaw
from pipeline.settings import STRICT

MOST_TOGETHER = 100_000
"""Requests at a time, at most: each has a place in a table."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class PacedOptions(EngineSettings):
    """How long things take, how much at a time, and how many adapters fit.

    Attributes:
        name: what the user typed.
        precision: there are no numbers to be precise about.
        law: of the steps' seconds.
        load_s: seconds to bring an adapter into memory, behind the steps, one adapter at a time.
        max_batch_size: most requests that run together.
        prefill_tokens: most prompt tokens in a step.
        adapter_ranks: what adapters fit in memory together, as the sum of their ranks; None for
            all.
    """

    name: str
    precision: Literal["none"] = "none"
    law: StepLaw
    load_s: NonNegativeFloat = Field(0.0, le=3600)
    max_batch_size: Annotated[int, Field(ge=1, le=MOST_TOGETHER)] = 32
    prefill_tokens: PositiveInt = 256
    adapter_ranks: PositiveInt | None = None
