"""What an engine's cache of keys and values spared it, and what it cost for want of room."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KvCounts:
    """METRICS' `prefix_cache_hit_rate` and `preemptions`.

    Attributes:
        preemptions: how often a request had to give back its keys and values, and waited again.
        cached_tokens: prompt tokens that were found computed.
        prompt_tokens: prompt tokens for which that was looked; 0 where nobody looks.
    """

    preemptions: int = 0
    cached_tokens: int = 0
    prompt_tokens: int = 0

    def __add__(self, other: "KvCounts") -> "KvCounts":
        return KvCounts(
            self.preemptions + other.preemptions,
            self.cached_tokens + other.cached_tokens,
            self.prompt_tokens + other.prompt_tokens,
        )

    def __sub__(self, other: "KvCounts") -> "KvCounts":
        return KvCounts(
            self.preemptions - other.preemptions,
            self.cached_tokens - other.cached_tokens,
            self.prompt_tokens - other.prompt_tokens,
        )
