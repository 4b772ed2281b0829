"""The seeds of a workload."""

from collections.abc import Mapping

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT, Seed


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Seeds:
    """Three seeds, so that one thing can change while the others stay."""

    prompts: Seed = 0
    adapters: Seed = 0
    arrivals: Seed = 0

    def higher(self, by: int) -> "Seeds":
        """Each so much higher: those of a repeat."""
        return Seeds(
            prompts=self.prompts + by, adapters=self.adapters + by, arrivals=self.arrivals + by
        )


LAWS = {
    "prompts": "workload/lengths=uniform",
    "adapters": "workload/popularity=zipf",
    "arrivals": "workload/arrivals=poisson",
}
"""By seed, a choice that draws from it."""


def without_chance(drawn: Mapping[str, bool]) -> dict[str, str]:
    """The seeds that change nothing, by their names in the workload, and why.

    Args:
        drawn: by seed, whether what was chosen draws from it.
    """
    return {
        f"seeds.{name}": f"no law that was chosen leaves {name} to chance; {LAWS[name]} would"
        for name, random in drawn.items()
        if not random
    }
