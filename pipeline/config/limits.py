"""What a job may use, and where its files go."""

from typing import Annotated

from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT

LONGEST_S = 2e6
"""Most seconds of `limits.seconds`, 23 days: the system call that waits has no room for more."""

MOST_GB = 1e6
"""Most of `limits.memory_gb`, a petabyte."""

Location = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Limits:
    """What a job may use before it is ended, and how many jobs a sweep may have."""

    seconds: Annotated[float, Field(gt=0, le=LONGEST_S)] = 3600
    memory_gb: Annotated[float, Field(gt=0, le=MOST_GB)] | None = None
    jobs: PositiveInt = 1000


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Paths:
    """Where things are.

    Attributes:
        root: of the project.
        assets: what is kept with the code.
        runs: run directories and sweeps.
        mlruns: MLflow's database and artifacts.
        cache: what can be made again.
    """

    root: Location
    assets: Location
    runs: Location
    mlruns: Location
    cache: Location
