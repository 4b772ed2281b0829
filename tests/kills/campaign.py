"""Lives of sweeps, one after another, until there were kills enough; what came of them."""

import argparse
import json
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kills.life import Life

Birth = Callable[[Path, Path, random.Random], Life]
"""Makes a life in a folder of its own, beside MLflow's, of what is left to chance."""


@dataclass(frozen=True)
class Campaign:
    """Which lives there are to be.

    Attributes:
        prog: the command.
        description: what it does, for its help.
        lives: by the launchers that may be asked for, the usual one first.
        most: kills of one life, at least and at most.
        columns: what its table counts kills by.
    """

    prog: str
    description: str | None
    lives: Mapping[str, Birth]
    most: tuple[int, int]
    columns: Sequence[str]

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Live through as many as are asked for; the exit code."""
        parser = argparse.ArgumentParser(prog=self.prog, description=self.description)
        parser.add_argument("--launcher", choices=self.lives, default=next(iter(self.lives)))
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
        while (left := options.kills - _sent(lived)) > 0 and time.monotonic() < until:
            birth = self.lives[options.launcher]
            lived.append(self._lived(birth, f"{options.seed}.{len(lived)}", home, left))
            print(json.dumps(lived[-1]), flush=True)
            if record:
                with record.open("a") as file:
                    file.write(json.dumps(lived[-1]) + "\n")
        faults = self._table(lived)
        if not faults:
            shutil.rmtree(home)
        return 1 if faults else 0

    def _lived(self, birth: Birth, seed: str, home: Path, left: int) -> dict[str, Any]:
        draw = random.Random(seed)
        folder = home / seed
        folder.mkdir()
        life = birth(folder, home / "mlruns", draw)
        life.live(min(left, draw.randint(*self.most)))
        if not life.faults:
            shutil.rmtree(folder)
        return {"seed": seed, "kills": life.kills, "faults": life.faults}

    def _table(self, lived: Sequence[dict[str, Any]]) -> int:
        """Print how often what was killed, where and by what; the number of faults."""
        kills = [kill for each in lived for kill in each["kills"]]
        sent = [kill for kill in kills if kill["signal"] != "none"]
        signals = sorted({kill["signal"] for kill in sent})
        for name in self.columns:
            print("".join([f"{name:20}", *(f"{signal:>9}" for signal in signals)]))
            counts = Counter((kill[name], kill["signal"]) for kill in sent)
            for row in sorted({kill[name] for kill in sent}):
                print("".join([f"  {row:18}", *(f"{counts[row, each]:>9}" for each in signals)]))
        faults = [fault for each in lived for fault in each["faults"]]
        twice = len(kills) - len(sent)
        print(f"{len(sent)} kills in {len(lived)} sweeps; {twice} times two at once; ", end="")
        print(f"{len(faults)} faults", *faults, sep="\n")
        return len(faults)


def _sent(lived: Sequence[dict[str, Any]]) -> int:
    return sum(kill["signal"] != "none" for each in lived for kill in each["kills"])
