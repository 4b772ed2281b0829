"""The seeds of a workload."""

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Seeds:
    """Three seeds, so that one thing can change while the others stay."""

    prompts: int
    adapters: int
    arrivals: int
