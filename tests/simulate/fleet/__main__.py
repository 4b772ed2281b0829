"""`python -m tests.simulate.fleet`: replicas on Ray, and the same requests simulated.

    ray start --head --num-cpus=4
    python -m tests.simulate.fleet --address 127.0.0.1:6379

For each number of replicas and each routing, replicas are started and asked for adapters by Zipf's
law, at times drawn beforehand. The requests as they were made are then simulated under the routing
of the same kind, with the step times of `--steps`. The replicas are engine=paced, which takes these
very times, unless `--engine` names a real one. Exit code 1 where a figure is further off than
`--within`.
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
from pipeline.simulate.fleet import ReplicaModel, serve
from pipeline.simulate.routing.routing import Fleet
from tests.simulate.fleet.asked import Asked, ask
from tests.simulate.fleet.figures import Figures, figures_of
from tests.simulate.fleet.paced import engine_of, slower

SIMULATED = {"adapter": "in_memory", "load": "two_choices", "random": "random"}
"""The simulation's routing of each value of `cluster.routing`."""
DRAWS = 10
"""Simulations of a run, each with the routing's chances drawn anew; their mean is compared."""
SERVING = "model=tiny adapters=synthetic adapters.count=64 adapters.ranks=[8,16,32,64] threads=1"
WORKLOAD = (
    "workload/prompts=random_sized workload.prompts.lengths.low=8 "
    "workload.prompts.lengths.high=160 workload.max_new_tokens=96 "
    "workload/lengths=lognormal workload.lengths.median=24"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask and simulate each; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulate.fleet", description=__doc__)
    parser.add_argument("--address", required=True, help="of the cluster's head, HOST:PORT")
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--routing", nargs="+", default=[*SIMULATED], choices=[*SIMULATED])
    parser.add_argument("--rate", type=float, default=1.6, help="requests a second, a replica")
    parser.add_argument("--requests", type=int, default=100, help="of each replica")
    parser.add_argument("--room", type=int, default=640, help="ranks in a replica's memory")
    parser.add_argument("--steps", default="steps=smollm2_int8", help="overrides: step times")
    parser.add_argument("--slower", type=float, default=4, help="times these times")
    parser.add_argument("--engine", help="overrides: a real engine, in place of engine=paced")
    parser.add_argument("--serving", default=SERVING, help="overrides: model and adapters")
    parser.add_argument("--workload", default=WORKLOAD, help="overrides: what is asked")
    parser.add_argument("--within", type=float, default=0.1, help="allowed error")
    options = parser.parse_args(arguments)
    config = composed([*shlex.split(options.steps), f"replica.adapter_ranks={options.room}"])
    errors = [
        _compared(replicas, routing, config, options)
        for replicas in options.replicas
        for routing in (options.routing if replicas > 1 else options.routing[:1])
    ]
    return int(max(errors) > options.within)


def _compared(
    replicas: int, routing: str, config: SimulateConfig, options: argparse.Namespace
) -> float:
    """Print what was measured of a fleet and what was simulated; the largest error."""
    times = slower(config.steps.times(), options.slower)
    folder = Path(tempfile.mkdtemp(prefix="fleet-"))
    cluster = ("cluster=ray", f"cluster.address={options.address}", f"cluster.replicas={replicas}")
    engine = shlex.split(options.engine) if options.engine else engine_of(times, options.room)
    rate, requests = options.rate * replicas, options.requests * replicas
    asked = ask(
        folder,
        serving=shlex.split(options.serving),
        engine=[*engine, *cluster, f"cluster.routing={routing}", "serve.max_waiting=100000"],
        workload=[
            *shlex.split(options.workload),
            f"workload.rate={rate}",
            f"workload.requests={requests}",
        ],
    )
    found = _simulated(
        asked, replicas, ReplicaModel(config.replica, times, asked.ranks), config, routing
    )
    print(f"{replicas} replicas, cluster.routing={routing}, load average {os.getloadavg()[0]:.1f}")
    for name, was in asked.figures.items():
        off = f"{found[name] / was - 1:+.1%}"
        print(f"  {name}: {was:.4g} measured, {found[name]:.4g} simulated, {off}")
    sys.stdout.flush()
    return max(abs(found[name] / was - 1) for name, was in asked.figures.items())


def _simulated(
    asked: Asked, replicas: int, model: ReplicaModel, config: SimulateConfig, routing: str
) -> Figures:
    """The mean of some draws."""
    law, drawn = config.routings[SIMULATED[routing]], []
    for seed in range(DRAWS):
        router = law.router(Fleet(replicas, model.ranks), np.random.default_rng(seed))
        stamps = serve(asked.demand, replicas, model, router).stamps
        hit_rate = float(1 - stamps.missed.mean())
        drawn.append(figures_of(asked.demand, stamps.first, stamps.finished, hit_rate))
    return {name: float(np.mean([each[name] for each in drawn])) for name in drawn[0]}


if __name__ == "__main__":
    sys.exit(main())
