"""The contract of a profiler."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass as settings

from pipeline.metrics.roofline import Passes
from pipeline.settings import STRICT


class ToolUnavailable(Exception):
    """A profiler can't look here: it isn't installed, or the system forbids it.

    The message is one line that says what to do about it.
    """


@settings(frozen=True, config=STRICT, kw_only=True)
class Excerpt:
    """How much of the first iteration a profiler watches, so that its artifacts stay small.

    Attributes:
        requests: the first so many; None for all.
        tokens: new tokens of each, at most; None for as many as it asks for.
    """

    requests: PositiveInt | None = 64
    tokens: PositiveInt | None = None


class Stages(Protocol):
    """What tells the stage the engine is in, while it is in it."""

    def heard(self, hear: Callable[[str], None]) -> AbstractContextManager[None]:
        """Inside the block `hear` is told each stage that is entered."""


@dataclass(frozen=True)
class Subject:
    """What is looked at, and where findings go.

    Attributes:
        replay: serves the tool's excerpt of the first iteration once more, after all timing.
        stages: the engine's own marks.
        folder: where artifacts go; it exists.
        cache: where facts about the machine are kept between runs.
        cpu: the processor's name.
        threads: compute threads of the engine.
        passes: the forward passes of the timed run by kind, as far as they can be told.
    """

    replay: Callable[[], None]
    stages: Stages
    folder: Path
    cache: Path
    cpu: str
    threads: int
    passes: tuple[Passes, ...] = ()


@dataclass(frozen=True)
class Profile:
    """What one profiler found.

    Attributes:
        artifacts: how to open each file it left, by file name.
        figures: numbers by metric name.
        notes: what it says in words, or why it could not look; a line each.
    """

    artifacts: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A JSON object of plain values."""
        return {
            "artifacts": dict(self.artifacts),
            "figures": dict(self.figures),
            "notes": list(self.notes),
        }


class Profiler(ABC):
    """Settings of the `profiler` group: a choice of tools."""

    name: str

    @abstractmethod
    def tools(self) -> "tuple[Tool, ...]":
        """What looks at the run, one after the other."""


@settings(frozen=True, config=STRICT, kw_only=True)
class Tool(Profiler):
    """Settings of one profiler, and what it does.

    Attributes:
        name: what the user typed.
        excerpt: what of the first iteration it watches.
    """

    name: str
    excerpt: Excerpt = field(default_factory=Excerpt)

    def tools(self) -> "tuple[Tool, ...]":
        """Itself alone."""
        return (self,)

    @abstractmethod
    def profile(self, subject: Subject) -> Profile:
        """Look, after all timing is done.

        Raises:
            ToolUnavailable: it can't look here.
        """
