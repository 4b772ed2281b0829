"""Compute a run's metrics again from its raw rows: `python -m pipeline.tracking.recompute RUN`.

Exit codes: 0 all are as they were stored; 1 some differ, or the rows aren't exactly the trace, or a
run can't be read, which is printed; 2 no finished run there.
"""

import sys
from collections.abc import Mapping, Sequence
from math import isclose
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.files.documents import reading
from pipeline.metrics.definitions import Value
from pipeline.metrics.price import Price
from pipeline.metrics.served import again
from pipeline.metrics.slo import Slo
from pipeline.metrics.summary import summarise
from pipeline.metrics.timeline import Timeline
from pipeline.process.arguments import Arguments
from pipeline.process.signals import command
from pipeline.tracking.run_directory import RunDirectory

NEEDED = ("requests.jsonl", "metrics.json", "config.yaml")
READINGS = ("load_s", "warmup_s")
"""Read once a run, so `metrics.json` is where they are kept."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Recompute the given runs; returns the exit code."""
    parser = Arguments(prog="python -m pipeline.tracking.recompute", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run directory")
    return max(_judged(RunDirectory(path)) for path in parser.parse_args(arguments).runs)


def _judged(run: RunDirectory) -> int:
    """Recompute one run and print how it compares; its part of the exit code."""
    if not all((run.path / name).exists() for name in NEEDED):
        print(
            f"{run.path}: no run with {', '.join(NEEDED[:-1])} and {NEEDED[-1]} there",
            file=sys.stderr,
        )
        return 2
    try:
        with reading(run.path):
            again = recompute(run)
            differing = [*run.strays(), *differences(again, run.json("metrics.json"))]
    except UsageError as error:
        print(error)
        return 1
    print(f"{run.path}: {len(again)} metrics recomputed, {len(differing)} differ")
    print(*(f"  {each}" for each in differing), sep="\n", end="\n" if differing else "")
    return int(bool(differing))


def recompute(run: RunDirectory) -> dict[str, Value]:
    """Every metric that is a function of what was measured, from the rows and the limits alone.

    Raises:
        Unreadable: one of its files is damaged.
    """
    stored, config = run.json("metrics.json"), run.config()
    timeline = Timeline(
        requests=run.requests(),
        iterations=run.iterations(),
        threads=run.json("environment.json")["threads"],
        **{name: stored[name] for name in READINGS},
        **_peaks(stored),
    )
    served = again(run.json("fidelity.json"), timeline.requests)
    price = Price(**config.get("price", {}))
    return summarise(timeline, Slo(**config["slo"]), price) | served


def _peaks(stored: Mapping[str, Value]) -> dict[str, Any]:
    """Of memory: the engine's process, and what computed beside it."""
    whole = stored["peak_rss_bytes"]
    own = stored.get("client_peak_rss_bytes", whole)
    outside = None if isinstance(whole, str) else whole - own  # type: ignore[operator]
    return {"peak_rss_bytes": own, "outside_peak_bytes": outside}


def differences(again: Mapping[str, Value], stored: Mapping[str, Value]) -> list[str]:
    """The metrics that aren't stored as they come out, a line each."""
    return [
        f"{name}: stored {stored.get(name, 'nowhere')}, recomputed {value}"
        for name, value in again.items()
        if name not in stored or not _same(value, stored[name])
    ]


def _same(one: Value, other: Value) -> bool:
    """Equal but for the last digit, which numpy's version may decide."""
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return isclose(one, other, rel_tol=1e-12, abs_tol=1e-15)


if __name__ == "__main__":
    command(main)
