"""How often intervals hold the truth: `python -m pipeline.compare.coverage`.

Five engines that are one engine, on a simulated machine that drifts. An interval should hold 1 in
95 % of the sweeps, and at most 5 % of them should call any engine faster or slower. With
`--half-width=0.03` the sweeps get repeats until their intervals reach no further than that.
"""

import sys
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import product
from statistics import fmean, median

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from pipeline.compare.ratios import Ratio
from pipeline.compare.simulation import NOISE, World
from pipeline.compare.stopping import reach
from pipeline.compare.verdict import judged
from pipeline.metrics.until import Until
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

STOPPED = tuple(product((1, 3), (2, 5)))
"""Conditions and engines of sweeps that get repeats until they know enough."""

STOPPED_TITLES = ("conditions", "engines", "repeats", *TITLES[2:])


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
    return _said(world.sweeps(sweeps, seed))


def stopped(world: World, until: Until, sweeps: int, seed: int = 0) -> tuple[float, Coverage]:
    """The same of sweeps that got repeats until they knew enough; and the mean of their repeats."""
    world = replace(world, repeats=until.max_repeats)
    found = [_ended(world, family, until) for family in world.sweeps(sweeps, seed)]
    taken = [len({*next(iter(family.values())).repeats}) for family in found]
    return fmean(taken), _said(found)


def _ended(
    world: World, family: Mapping[Hashable, Ratio], until: Until
) -> Mapping[Hashable, Ratio]:
    """What a sweep had said when it was ended."""
    for repeats in range(until.fewest, until.max_repeats):
        now = world.started(family, repeats)
        if until.met((reach(each) for each in (*now.values(), *_rows(now).values())), repeats):
            return now
    return family


def _said(families: Iterable[Mapping[Hashable, Ratio]]) -> Coverage:
    held, called, rows, reaches = [], [], [], []
    for family in families:
        held.append([not each.excludes_one for each in family.values()])
        called.append(_calls(family))
        rows.append(_calls(_rows(family)))
        reaches += [reach(each) for each in family.values()]
    return Coverage(
        fmean(fmean(each) for each in held),
        fmean(each[-1] for each in held),
        fmean(called),
        fmean(rows),
        median(reaches),
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
    parser.add_argument(
        "--half-width", type=float, help="of sweeps that get repeats until intervals are so narrow"
    )
    chosen = parser.parse_args(arguments)
    try:
        until = Until(half_width=chosen.half_width)
    except ValidationError:
        parser.error("--half-width is a share, above 0 and below 1")
    for table in (
        _tables(chosen.sweeps) if until.half_width is None else _growing(chosen.sweeps, until)
    ):
        Console().print(table)
    return 0


def _tables(sweeps: int) -> Iterator[Table]:
    for name, world in WORLDS.items():
        table = _table(f"{name}; {sweeps} sweeps a row", TITLES)
        for conditions, repeats in SIZES:
            found = coverage(replace(world, conditions=conditions, repeats=repeats), sweeps)
            table.add_row(str(conditions), str(repeats), *_shares(found))
        yield table


def _growing(sweeps: int, until: Until) -> Iterator[Table]:
    for name, world in WORLDS.items():
        table = _table(f"{name}; {until}; {sweeps} sweeps a row", STOPPED_TITLES)
        for conditions, engines in STOPPED:
            some = replace(world, conditions=conditions, speeds=(1.0,) * engines)
            taken, found = stopped(some, until, sweeps)
            table.add_row(str(conditions), str(engines), f"{taken:.1f}", *_shares(found))
        yield table


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for each in columns:
        table.add_column(each, justify="right")
    return table


def _shares(found: Coverage) -> list[str]:
    return [f"{share:.1%}" for share in astuple(found)]


if __name__ == "__main__":
    sys.exit(main())
