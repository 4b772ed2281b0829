"""How often intervals hold the truth: `python -m pipeline.compare.coverage`.

Five engines that are one engine, on a simulated machine that drifts. An interval should hold 1 in
95 % of the sweeps, and at most 5 % of them should call any engine faster or slower.
"""

import sys
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import product
from statistics import fmean, median

from rich.console import Console
from rich.table import Table

from pipeline.compare.ratios import Ratio
from pipeline.compare.simulation import NOISE, World
from pipeline.compare.verdict import judged
from pipeline.process.arguments import Arguments, count

WORLDS = {
    "order drawn, as by default": World(),
    "an effect of arm and repeat as large as the noise": World(effect=NOISE),
    "noise of 1 % and of 10 %, in turns": World(noise=(0.01, 0.1)),
    "order as given (shuffle=null)": World(drawn=False),
}
SIZES = tuple(product((1, 3, 9), (3, 5, 9)))
"""Conditions and repeats."""

TITLES = ("conditions", "repeats", "holds 1", "last engine", "false calls", "in rows", "reach")

METRIC = "output_tokens_per_s"


@dataclass(frozen=True)
class Coverage:
    """What many sweeps of equal engines said.

    Attributes:
        held: share of all intervals that hold 1.
        held_last: share of the last engine's that do.
        false: share of sweeps that call an engine faster or slower.
        false_rows: share of sweeps that call it so under some condition; a family of its own.
        reach: median distance of an interval's upper end from its middle, as a share.
    """

    held: float
    held_last: float
    false: float
    false_rows: float
    reach: float


def coverage(world: World, sweeps: int, seed: int = 0) -> Coverage:
    """Compare the engines of that many sweeps, as every comparison does."""
    held, called, rows, reach = [], [], [], []
    for family in world.sweeps(sweeps, seed):
        held.append([not each.excludes_one for each in family.values()])
        called.append(_calls(family))
        rows.append(_calls(_rows(family)))
        reach += [(each.interval or (1, 1))[1] / each.mean - 1 for each in family.values()]
    return Coverage(
        fmean(fmean(each) for each in held),
        fmean(each[-1] for each in held),
        fmean(called),
        fmean(rows),
        median(reach),
    )


def _calls(family: Mapping[Hashable, Ratio]) -> bool:
    return any(each.differs for each in judged(family, METRIC).values())


def _rows(family: Mapping[Hashable, Ratio]) -> dict[Hashable, Ratio]:
    """Each engine's ratio under each condition, as the rows of a report's table."""
    return {
        (engine, at): Ratio(
            tuple(v for v, where in zip(ratio.values, ratio.conditions, strict=True) if where == at)
        )
        for engine, ratio in family.items()
        for at in dict.fromkeys(ratio.conditions)
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table; returns the exit code."""
    parser = Arguments(
        prog="python -m pipeline.compare.coverage", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--sweeps", type=count, default=2000, help="a row (%(default)s)")
    sweeps = parser.parse_args(arguments).sweeps
    console = Console()
    for name, world in WORLDS.items():
        table = Table(title=f"{name}; {sweeps} sweeps a row", title_justify="left")
        for title in TITLES:
            table.add_column(title, justify="right")
        for conditions, repeats in SIZES:
            found = coverage(replace(world, conditions=conditions, repeats=repeats), sweeps)
            shares = (f"{share:.1%}" for share in astuple(found))
            table.add_row(str(conditions), str(repeats), *shares)
        console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
