"""Capacity a replica and hit rate along the size of the fleet, a line a routing."""

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes

from pipeline.compare.plots.axes import shares
from pipeline.compare.plots.style import marks, panel, quiet, style
from pipeline.files.atomic import whole_file
from pipeline.simulate.scenario import Scenario

HEIGHT = 3.4

Range = tuple[float, float]


def draw(rows: Sequence[Scenario], folder: Path) -> tuple[Path, ...]:
    """The files `capacity_N.svg` and `hit_rate_N.svg` for every N adapters a replica."""
    drawn = []
    for each in sorted({row.adapters // row.replicas for row in rows}):
        mine = [row for row in rows if row.adapters // row.replicas == each]
        title = f"{each} adapters a replica"
        with style():
            drawn += [
                _lines(mine, folder / f"capacity_{each}.svg", title, "requests/s a replica", _rate),
                _lines(mine, folder / f"hit_rate_{each}.svg", title, "hit rate", _hits, shares),
            ]
    return tuple(drawn)


def _rate(row: Scenario) -> tuple[float, Range]:
    low, high = row.interval or (row.rate, row.rate)
    return row.rate / row.replicas, (low / row.replicas, high / row.replicas)


def _hits(row: Scenario) -> tuple[float, Range]:
    found = [each.figures.hit_rate for each in row.repeats]
    return row.mean("hit_rate"), (min(found), max(found))


def _from_zero(axes: Axes) -> None:
    axes.set_ylim(0, None)


def _lines(
    rows: Sequence[Scenario],
    path: Path,
    title: str,
    label: str,
    value: Callable[[Scenario], tuple[float, Range]],
    limit: Callable[[Axes], None] = _from_zero,
) -> Path:
    figure, axes = panel(HEIGHT)
    names = [*dict.fromkeys(row.routing for row in rows)]
    for name, mark in marks(names).items():
        mine = [row for row in rows if row.routing == name]
        sizes = [row.replicas for row in mine]
        means, ranges = zip(*map(value, mine), strict=True)
        axes.plot(sizes, means, color=mark.colour, marker=mark.marker, label=name)
        axes.vlines(sizes, *zip(*ranges, strict=True), color=mark.colour)
    axes.set_xscale("log")
    sizes = sorted({row.replicas for row in rows})
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set(title=title, xlabel="replicas", ylabel=label)
    limit(axes)
    quiet(axes)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    with whole_file(path) as draft:
        figure.savefig(draft, format="svg", transparent=False, facecolor="white")
    return path
