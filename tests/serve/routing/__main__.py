"""`python -m tests.serve.routing`: replicas on Ray, by how requests find theirs.

    ray start --head --num-cpus=2
    python -m tests.serve.routing --address 127.0.0.1:6379

For each routing in turn, two replicas are started and asked by users who wait for their answers,
for 64 adapters by Zipf's law. Each replica has memory for a part of the adapters. Printed are
requests a second, and of the requests the share whose adapter was in memory; exit code 1 where one
of them failed.
"""

import argparse
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pipeline.tracking.run_directory import RunDirectory
from tests.serve.launched import Launched, launched

MODEL = "model=tiny adapters=synthetic adapters.count=64 threads=1"
ENGINE = "engine=multilora engine.adapter_memory_mb=8"


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask each; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.serve.routing", description=__doc__)
    parser.add_argument("--address", required=True, help="of the cluster's head, HOST:PORT")
    parser.add_argument("--routing", nargs="+", default=["random", "load", "adapter"])
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--users", type=int, default=12)
    parser.add_argument("--requests", type=int, default=400, help="of each routing")
    parser.add_argument("--alpha", type=float, default=1, help="Zipf's exponent")
    parser.add_argument("--model", default=MODEL, help="overrides: model and adapters")
    parser.add_argument("--engine", default=ENGINE, help="overrides: the replicas' engine")
    parser.add_argument("--tokens", type=int, default=8, help="of every answer")
    options = parser.parse_args(arguments)
    failures = [_asked(each, options) for each in options.routing]
    return 1 if any(failures) else 0


def _asked(routing: str, options: argparse.Namespace) -> int:
    """Ask replicas with one routing, and print what came of it; the number of failures."""
    folder = Path(tempfile.mkdtemp(prefix="routing-"))
    model, engine = shlex.split(options.model), shlex.split(options.engine)
    cluster = ("cluster=ray", f"cluster.address={options.address}", f"cluster.routing={routing}")
    replicas = f"cluster.replicas={options.replicas}"
    with launched(folder, [*model, *engine, *cluster, replicas]) as server:
        run = _run(server, folder / "run", model, options)
        counted = server.metrics()
    figures, rows = run.json("metrics.json"), run.requests()
    failed = sum(each.error is not None for each in rows)
    print(
        f"{routing}: {figures['requests_per_s']:.1f} requests a second, "
        f"{_hit_rate(counted):.1%} of {counted['multilora:adapters_lookups_total']:.0f} found "
        f"their adapter in memory, {counted['multilora:adapters_loads_total']:.0f} loads, "
        f"{failed} of {len(rows)} failed",
        flush=True,
    )
    return failed


def _hit_rate(counted: Counter[str]) -> float:
    lookups = counted["multilora:adapters_lookups_total"]
    return counted["multilora:adapters_hits_total"] / lookups if lookups else 0.0


def _run(
    server: Launched, folder: Path, model: Sequence[str], options: argparse.Namespace
) -> RunDirectory:
    """`+experiment=load` against the server."""
    command = [sys.executable, "-m", "pipeline", "+experiment=load", f"hydra.run.dir={folder}"]
    own = (
        f"engine.base_url={server.url}",
        "tracking=none",
        "workload.run_in.seconds=1",
        "workload/arrivals=concurrency",
    )
    asked = (
        f"workload.arrivals.concurrency={options.users}",
        f"workload.requests={options.requests}",
        f"workload.alpha={options.alpha}",
        f"workload.max_new_tokens={options.tokens}",
    )
    done = subprocess.run([*command, *own, *model, *asked], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{folder}: {done.stderr[-1000:] or done.stdout[-1000:]}")
    return RunDirectory(folder)


if __name__ == "__main__":
    sys.exit(main())
