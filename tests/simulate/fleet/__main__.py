"""`python -m tests.simulate.fleet`: replicas on Ray, and the same requests simulated.

    ray start --head --num-cpus=4
    python -m tests.simulate.fleet --address 127.0.0.1:6379 --out runs/fleet

For each number of replicas and each routing, replicas are started and asked for adapters by Zipf's
law, at times drawn beforehand, `--repeats` times. The requests as they were made are then simulated
under the routing of the same kind, with the step times of `--steps`. The replicas are engine=paced,
which takes these very times, unless `--engine` names a real one. What is in `--out` already isn't
asked again. Exit code 1 where the mean of a figure is further off than `--within`.
"""

import argparse
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.simulate.config import SimulateConfig, composed
from pipeline.simulate.fleet import ReplicaModel
from pipeline.simulate.routed_fleet import RoutedFleet
from tests.simulate.fleet.asked import Asked, kept
from tests.simulate.fleet.asking import ask
from tests.simulate.fleet.figures import Figures, means
from tests.simulate.fleet.paced import engine_of, slower
from tests.simulate.fleet.picture import draw
from tests.simulate.fleet.simulated import simulated

SIMULATED = {"adapter": "in_memory", "load": "two_choices", "random": "random"}
"""The simulation's routing of each value of `cluster.routing`."""
SERVING = "model=tiny adapters=synthetic adapters.count=64 adapters.ranks=[8,16,32,64] threads=1"
WORKLOAD = (
    "workload/prompts=random_sized workload.prompts.lengths.low=8 "
    "workload.prompts.lengths.high=160 workload.max_new_tokens=96 "
    "workload/lengths=lognormal workload.lengths.median=24"
)
ASKED = ("rate", "requests", "room", "steps", "slower", "engine", "serving", "workload")
"""Options that decide what is measured."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask and simulate each; the exit code."""
    options = _parser().parse_args(arguments)
    config = composed([*shlex.split(options.steps), f"replica.adapter_ranks={options.room}"])
    options.out.mkdir(parents=True, exist_ok=True)
    errors = {
        f"{replicas} × {routing}" if replicas > 1 else "1": _compared(
            replicas, routing, config, options
        )
        for replicas in options.replicas
        for routing in (options.routing if replicas > 1 else options.routing[:1])
    }
    draw(errors, options.within, options.out / "errors.png")
    print(f"drawn: {options.out / 'errors.png'}")
    worst = max(abs(each) for figures in errors.values() for each in figures.values())
    return int(worst > options.within)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulate.fleet", description=__doc__)
    parser.add_argument("--address", default="auto", help="of the cluster's head, HOST:PORT")
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--routing", nargs="+", default=[*SIMULATED], choices=[*SIMULATED])
    parser.add_argument("--rate", type=float, default=1.6, help="requests a second, a replica")
    parser.add_argument("--requests", type=int, default=100, help="of each replica")
    parser.add_argument("--repeats", type=int, default=1, help="each with requests of its own")
    parser.add_argument("--room", type=int, default=640, help="ranks in a replica's memory")
    parser.add_argument("--steps", default="steps=smollm2_int8", help="overrides: step times")
    parser.add_argument("--slower", type=float, default=4, help="times these times")
    parser.add_argument("--engine", help="overrides: a real engine, in place of engine=paced")
    parser.add_argument("--serving", default=SERVING, help="overrides: model and adapters")
    parser.add_argument("--workload", default=WORKLOAD, help="overrides: what is asked")
    parser.add_argument("--within", type=float, default=0.1, help="allowed error")
    parser.add_argument("--out", type=Path, required=True, help="folder of what was measured")
    return parser


def _compared(
    replicas: int, routing: str, config: SimulateConfig, options: argparse.Namespace
) -> Figures:
    """Print what was measured of a fleet and what was simulated; how far the means are off."""
    times = slower(config.steps.times(), options.slower)
    engine = shlex.split(options.engine) if options.engine else engine_of(times, options.room)
    measured, found = [], []
    for repeat in range(options.repeats):
        asked = _asked(replicas, routing, repeat, engine, options)
        model = ReplicaModel(config.replica, times, np.array(asked.ranks))
        law = config.routings[SIMULATED[routing]]
        measured.append(asked.figures)
        found += simulated(asked, RoutedFleet(replicas, model, law, seed=0))
    was, expected = means(measured), means(found)
    errors = {name: expected[name] / was[name] - 1 for name in was}
    print(f"{replicas} replicas, cluster.routing={routing}")
    for name, error in errors.items():
        told = (f"{was[name]:.4g} measured", _range(measured, name))
        drawn = (f"{expected[name]:.4g} simulated", _range(found, name))
        print(f"  {name}: {' '.join(told)}, {' '.join(drawn)}, {error:+.1%}")
    sys.stdout.flush()
    return errors


def _range(figures: Sequence[Figures], name: str) -> str:
    values = [each[name] for each in figures]
    return f"({min(values):.4g}–{max(values):.4g})"


def _asked(
    replicas: int, routing: str, repeat: int, engine: Sequence[str], options: argparse.Namespace
) -> Asked:
    """Of a fleet, once; from the file of an earlier call, where there is one."""
    cluster = ("cluster=ray", f"cluster.address={options.address}", f"cluster.replicas={replicas}")
    requests = (
        f"workload.rate={options.rate * replicas}",
        f"workload.requests={options.requests * replicas}",
        *(f"workload.seeds.{each}={repeat}" for each in ("prompts", "adapters", "arrivals")),
    )

    def now() -> Asked:
        print(f"asking, load average {os.getloadavg()[0]:.1f}", flush=True)
        return ask(
            Path(tempfile.mkdtemp(prefix="fleet-")),
            serving=shlex.split(options.serving),
            engine=[*engine, *cluster, f"cluster.routing={routing}", "serve.max_waiting=100000"],
            workload=[*shlex.split(options.workload), *requests],
        )

    circumstances = {name: getattr(options, name) for name in ASKED}
    return kept(options.out / f"{replicas}_{routing}_{repeat}.json", circumstances, now)


if __name__ == "__main__":
    sys.exit(main())
