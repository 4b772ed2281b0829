"""How much of the prompts a server found computed, by its own counters: its prefix cache's."""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

HITS, QUERIES = "prefix_cache_hits", "prefix_cache_queries"
"""VLLM's counters, behind the program's name and a colon: tokens found, and looked for."""


@dataclass(frozen=True, slots=True)
class FoundPrompts:
    """Counted in tokens.

    Attributes:
        cached: found computed.
        prompts: of the prompts in which they were looked for.
    """

    cached: float = 0.0
    prompts: float = 0.0

    def __sub__(self, other: "FoundPrompts") -> "FoundPrompts":
        return FoundPrompts(self.cached - other.cached, self.prompts - other.prompts)

    def notes(self) -> Iterator[str]:
        """What a reader of the figures should know; nothing where nothing was found."""
        if self.cached > 0 and self.prompts > 0:
            yield (
                f"{self.cached / self.prompts:.0%} of the prompts' tokens were found in the "
                "server's prefix cache, not computed: TTFT and tokens/s are no measure of "
                "computing them; turn it off there"
            )


def counted(page: str) -> FoundPrompts:
    """By a page of metrics in Prometheus' format; zeros where it has no such counters."""
    found = {HITS: 0.0, QUERIES: 0.0}
    try:
        for family in text_string_to_metric_families(page):
            for name in found:
                if family.name.rpartition(":")[2] == name:
                    samples = (each for each in family.samples if not _is_stamp(each.name))
                    found[name] += sum(each.value for each in samples)
    except (ValueError, LookupError):  # It is another format's, or none's.
        return FoundPrompts()
    return FoundPrompts(found[HITS], found[QUERIES])


def _is_stamp(name: str) -> bool:
    """Of when a counter began."""
    return name.endswith("_created")
