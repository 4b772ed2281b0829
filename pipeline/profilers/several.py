"""Several profilers in turn: `profiler=all`."""

from pydantic.dataclasses import dataclass

from pipeline.profilers.profiler import Profiler, Tool
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Several(Profiler):
    """Settings of `profiler=all`.

    Attributes:
        name: what the user typed.
        members: the settings of each, by name, in the order they look.
    """

    name: str
    members: dict[str, Profiler]

    def tools(self) -> tuple[Tool, ...]:
        """All of the members' tools."""
        return tuple(tool for member in self.members.values() for tool in member.tools())
