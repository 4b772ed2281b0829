"""`python -m pipeline.simulate.check RUN`: a run simulated again, beside what was measured.

    python -m pipeline.simulate.check runs/mine --law runs/other

The requests of a run of engine=multilora, at their times, are served by one simulated replica that
has the engine's limits. Its step times are fitted to the runs of `--law`, else to the run itself.
Exit codes: 0 all within `--within`; 1 something is further off; 2 the request was wrong.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.compare.numbers import significant
from pipeline.errors import UsageError
from pipeline.process.arguments import Arguments
from pipeline.process.signals import command
from pipeline.simulate.fleet import Answered, ReplicaModel
from pipeline.simulate.measured import MeasuredRun
from pipeline.simulate.routed_fleet import RoutedFleet
from pipeline.simulate.routing.least_loaded import LeastLoaded
from pipeline.simulate.steps.fitted import FittedSteps

Figures = dict[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit, simulate, print; the exit code."""
    parser = Arguments(prog="python -m pipeline.simulate.check", description=__doc__)
    parser.add_argument("run", metavar="RUN", help="directory of a run of engine=multilora")
    parser.add_argument("--law", metavar="RUN", nargs="+", help="runs that step times are of (RUN)")
    parser.add_argument("--within", type=float, default=0.1, help="allowed error (%(default)s)")
    chosen = parser.parse_args(arguments)
    console = Console()
    try:
        run = MeasuredRun.open(Path(chosen.run))
        runs = tuple(chosen.law or [chosen.run])
        times = FittedSteps(name="fitted", runs=runs).times()
        ranks = np.array([*run.ranks.values()], np.int64)
        model = ReplicaModel(run.replica(), times, ranks)
        fleet = RoutedFleet(1, model, LeastLoaded(name="least_loaded"), seed=0)
        answered = fleet.serve(run.demand())
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    console.print(times.said, soft_wrap=True, highlight=False)
    found, was = simulated(answered), measured(run)
    console.print(_table(found, was))
    return int(not all(abs(found[name] / was[name] - 1) <= chosen.within for name in was))


def simulated(answered: Answered) -> Figures:
    """Of a simulation."""
    demand, stamps = answered.demand, answered.stamps
    return _figures(
        stamps.first - demand.arrives,
        stamps.finished - demand.arrives,
        demand.outputs,
        float(stamps.finished.max() - demand.arrives[0]),
    )


def measured(run: MeasuredRun) -> Figures:
    """The same of the run."""
    due = np.array([each.scheduled for each in run.records])
    first = np.array([each.tokens[0] for each in run.records])
    finished = np.array([each.finished for each in run.records])
    outputs = np.array([len(each.output_ids) for each in run.records])
    return _figures(first - due, finished - due, outputs, float(finished.max() - due[0]))


def _figures(ttft: np.ndarray, e2e: np.ndarray, outputs: np.ndarray, wall_s: float) -> Figures:
    return {
        "output tokens/s": float(outputs.sum() / wall_s),
        "TTFT mean, s": float(ttft.mean()),
        "TTFT p50, s": float(np.quantile(ttft, 0.5)),
        "E2E mean, s": float(e2e.mean()),
        "E2E p50, s": float(np.quantile(e2e, 0.5)),
        "E2E p90, s": float(np.quantile(e2e, 0.9)),
    }


def _table(found: Figures, was: Figures) -> Table:
    made = Table("", "measured", "simulated", "error", box=box.SIMPLE_HEAD)
    for name, value in was.items():
        off = f"{found[name] / value - 1:+.1%}"
        made.add_row(name, significant(value), significant(found[name]), off)
    return made


if __name__ == "__main__":
    command(main)
