"""Kill sweeps at random times: `python -m tests.kills --kills 100 --seed 1`.

Sweeps of six jobs are started, killed, started again, extended, started twice at once and
repeated, until all six have finished; then everything on disk and in MLflow is held against what
was asked for. The parent, its child or both get SIGTERM, SIGHUP, SIGINT or SIGKILL, at a time drawn
between start-up and the last projection. Most commands are forked from this process, which has
imported what they need; jobs are started as ever. Exit code 1, and a line each, when anything is
lost, doubled, left behind or computed otherwise.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow.store.tracking.sqlalchemy_store  # noqa: F401

import pipeline.__main__
import pipeline.compare.report  # noqa: F401
from tests.kills.episode import Episode


def main(arguments: Sequence[str] | None = None) -> int:
    """Live through episodes until there were kills enough; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin none after")
    parser.add_argument("--record", type=Path, help="file of episodes, to go on with")
    options = parser.parse_args(arguments)
    record: Path | None = options.record
    known = record.read_text().splitlines() if record and record.is_file() else []
    lived = [json.loads(line) for line in known]
    home = Path(tempfile.mkdtemp(prefix="kills-"))
    until = time.monotonic() + options.seconds
    while _sent(lived) < options.kills and time.monotonic() < until:
        lived.append(_lived(f"{options.seed}.{len(lived)}", home))
        print(json.dumps(lived[-1]), flush=True)
        if record:
            with record.open("a") as file:
                file.write(json.dumps(lived[-1]) + "\n")
    faults = _table(lived)
    if not faults:
        shutil.rmtree(home)
    return 1 if faults else 0


def _lived(seed: str, home: Path) -> dict[str, Any]:
    """One sweep's life: what was done to it, and what was wrong."""
    draw = random.Random(seed)
    folder = home / seed
    folder.mkdir()
    episode = Episode(folder, home / "mlruns", draw)
    episode.live(draw.randrange(7, 12))
    if not episode.faults:
        shutil.rmtree(folder)
    return {"seed": seed, "kills": episode.kills, "faults": episode.faults}


def _sent(lived: Sequence[dict[str, Any]]) -> int:
    return sum(kill["signal"] != "none" for each in lived for kill in each["kills"])


def _table(lived: Sequence[dict[str, Any]]) -> int:
    """Print how often what was killed, where and by what; the number of faults."""
    kills = [kill for each in lived for kill in each["kills"]]
    sent = [kill for kill in kills if kill["signal"] != "none"]
    columns = sorted({kill["signal"] for kill in sent})
    for name in ("target", "phase", "engine"):
        print("".join([f"{name:20}", *(f"{column:>9}" for column in columns)]))
        counts = Counter((kill[name], kill["signal"]) for kill in sent)
        for row in sorted({kill[name] for kill in sent}):
            print("".join([f"  {row:18}", *(f"{counts[row, each]:>9}" for each in columns)]))
    faults = [fault for each in lived for fault in each["faults"]]
    twice = len(kills) - len(sent)
    print(f"{len(sent)} kills in {len(lived)} sweeps; {twice} times two at once; ", end="")
    print(f"{len(faults)} faults", *faults, sep="\n")
    return len(faults)


if __name__ == "__main__":
    sys.exit(main())
