"""`python -m pipeline.simulate`: what N machines carry, and which routing carries most.

    python -m pipeline.simulate replicas=[1,10] adapters_per_replica=[100] routing=[random,affinity]

Overrides are Hydra's; `conf/simulate.yaml` lists groups and settings. A row is the highest rate at
which a fleet under one routing keeps the limits of `slo`. Exit codes: 0 simulated; 2 the request
was wrong and nothing was started.
"""

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.live import Live

from pipeline.errors import UsageError
from pipeline.files.documents import write_json
from pipeline.process.arguments import Arguments
from pipeline.process.signals import command
from pipeline.simulate.config import SimulateConfig, composed
from pipeline.simulate.plots import draw
from pipeline.simulate.scenario import Scenario, scenarios
from pipeline.simulate.steps.source import EngineTimes
from pipeline.simulate.table import cells, table


def main(arguments: Sequence[str] | None = None) -> int:
    """Compose, check, simulate, print, draw; the exit code."""
    parser = Arguments(prog="python -m pipeline.simulate", description=__doc__)
    parser.add_argument(
        "overrides", nargs="*", metavar="OVERRIDE", help="group=choice or a.b=value"
    )
    options = parser.parse_args(arguments)
    console = Console()
    try:
        config = composed(options.overrides)
        times = config.steps.times()
        folder = _folder(config)
        console.print(times.said, soft_wrap=True)
        rows = _simulate(config, times, console)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    write_json(folder / "simulation.json", [row.to_json() for row in rows])
    for path in draw(rows, folder):
        console.print(f"drawn: {path}", soft_wrap=True, highlight=False)
    return 0


def _simulate(config: SimulateConfig, times: EngineTimes, console: Console) -> list[Scenario]:
    rows, shown = [], table()
    with Live(shown, console=console, auto_refresh=False) as live:
        for row in scenarios(config, times):
            rows.append(row)
            shown.add_row(*cells(row))
            live.refresh()
    return rows


def _folder(config: SimulateConfig) -> Path:
    """That of `out`, made or there; else one of the moment, of this simulation alone."""
    now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S.%f")
    folder = Path(config.out or f"{config.paths.runs}/{now}_simulation")
    try:
        folder.mkdir(parents=True, exist_ok=config.out is not None)
    except OSError as error:
        raise UsageError(f"out={folder}: {error.strerror}; name another folder") from error
    return folder


if __name__ == "__main__":
    command(main)
