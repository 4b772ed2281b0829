"""A machine that drifts, and sweeps on it whose outcome is known.

Every repeat finds the machine at another speed, by a fifth or so; within one it gets steadily
faster or slower, and walks at random on top of that. What is measured is the machine's speed at
that time, what the engine adds to it in this repeat, and noise.
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.compare.order import running_order
from pipeline.compare.ratios import Ratio

if TYPE_CHECKING:
    import numpy as np

LEVEL = 0.2
"""Standard deviation between repeats, of logarithms as all here."""
STEADY = 0.01
"""Of the change from one job to the next that a repeat keeps."""
WALK = 0.01
"""Of the change from one job to the next that is drawn each time."""
NOISE = 0.02


@dataclass(frozen=True)
class World:
    """What is measured, and what of it is no engine's merit.

    Attributes:
        conditions: how many.
        repeats: how many.
        speeds: of the engines, the first being the baseline.
        effect: standard deviation of what a repeat adds to an engine, in all its runs.
        noise: of single runs, one a condition; the conditions take turns.
        drawn: whether the order of the engines is drawn, as is the default.
    """

    conditions: int = 1
    repeats: int = 3
    speeds: tuple[float, ...] = (1.0,) * 5
    effect: float = 0.0
    noise: tuple[float, ...] = (NOISE,)
    drawn: bool = True

    def sweeps(self, number: int, seed: int = 0) -> Iterator[dict[Hashable, Ratio]]:
        """That many sweeps: each engine's ratio to the first, by its number."""
        import numpy as np

        rng = np.random.default_rng(seed)
        jobs = [
            (repeat, condition, engine)
            for repeat in range(self.repeats)
            for engine in range(len(self.speeds))
            for condition in range(self.conditions)
        ]
        repeat, condition, engine = np.array(jobs).T
        blocks = [(r, c) for r, c, _ in jobs]
        spread = np.resize(self.noise, self.conditions)[condition]
        for sweep in range(number):
            order = running_order(blocks, sweep if self.drawn else None)
            logs = np.log(self.speeds)[engine] + rng.normal(0, spread)
            logs += rng.normal(0, self.effect, (self.repeats, len(self.speeds)))[repeat, engine]
            logs[order] += self._drift(rng)
            yield self._ratios(logs.reshape(self.repeats, len(self.speeds), self.conditions))

    def started(self, family: Mapping[Hashable, Ratio], repeats: int) -> dict[Hashable, Ratio]:
        """What a sweep has said after its first repeats: each engine's ratio to the first."""
        n = repeats * self.conditions
        return {
            engine: Ratio(whole.values[:n], whole.conditions[:n], whole.repeats[:n])
            for engine, whole in family.items()
        }

    def _drift(self, rng: "np.random.Generator") -> "np.ndarray":
        """The machine's speed at each job, in running order."""
        import numpy as np

        jobs = len(self.speeds) * self.conditions
        level = rng.normal(0, LEVEL, (self.repeats, 1))
        steady = rng.normal(0, STEADY, (self.repeats, 1)) * np.arange(jobs)
        walk = np.cumsum(rng.normal(0, WALK, (self.repeats, jobs)), axis=1)
        return np.asarray(level + steady + walk).ravel()

    def _ratios(self, logs: "np.ndarray") -> dict[Hashable, Ratio]:
        import numpy as np

        cells = [(r, c) for r in range(self.repeats) for c in range(self.conditions)]
        repeats, conditions = zip(*cells, strict=True)
        against = np.exp(logs - logs[:, :1])
        return {
            engine: Ratio(tuple(against[:, engine].ravel().tolist()), conditions, repeats)
            for engine in range(1, len(self.speeds))
        }
