"""The wrong command lines of `wrong_commands.yaml` as processes: `make wrong-commands`.

Prints a row each: exit code, seconds, the command and the line it answered with; leaves with 1 if
any wasn't refused as it should be.
"""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

LIST = Path(__file__).with_suffix(".yaml")
ROOT = Path(__file__).parents[2]
LIMIT_S = 10
NEWLINE = "$'threads\\n=1'"
"""The one word that a shell takes to have a line end in it."""


@dataclass(frozen=True)
class Wrong:
    """A wrong command line, and what its refusal says."""

    module: str
    arguments: tuple[str, ...]
    says: str

    @property
    def shown(self) -> str:
        """As it is typed, cut to a line."""
        line = shlex.join(["python", "-m", self.module, *self.arguments])
        return line if len(line) < 150 else f"{line[:149]}…"

    def fault(self, code: object, out: str, err: str) -> str | None:
        """What is wrong with how it was refused; None if nothing is."""
        if code != 2:
            return f"exit code {code}: {err or out}"
        if len(err.strip().splitlines()) != 1 or "Traceback" in err:
            return f"not one line: {err!r}"
        return None if self.says in err else f"doesn't say {self.says!r}: {err!r}"


def wrong_commands(folder: Path) -> Iterator[Wrong]:
    """All of them; what they name is made in the folder, with a space in every path."""
    file, empty, trace = folder / "a file.txt", folder / "a folder", folder / "a trace.jsonl"
    file.write_text("nothing\n")
    empty.mkdir(exist_ok=True)
    trace.write_text("{}\n")
    for entry in yaml.safe_load(LIST.read_text("utf-8")):
        words = shlex.split(entry["run"].replace(NEWLINE, "'threads\n=1'"))
        named = {"file": file, "folder": empty, "trace": trace, "long": "(" * 100_000}
        _, _, module, *arguments = (
            word.format(**named) if "{" in word and "${" not in word else word for word in words
        )
        yield Wrong(module, tuple(arguments), entry["says"])


def main() -> int:
    """Run all, one after another."""
    failed = 0
    with tempfile.TemporaryDirectory(prefix="wrong commands ") as folder:
        for number, each in enumerate(wrong_commands(Path(folder)), 1):
            begun = time.monotonic()
            done = subprocess.run(
                [sys.executable, "-m", each.module, *each.arguments],
                cwd=ROOT,
                env=os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"},
                capture_output=True,
                text=True,
                timeout=120,
            )
            seconds = time.monotonic() - begun
            fault = each.fault(done.returncode, done.stdout, done.stderr)
            slow = "" if seconds < LIMIT_S else " TOO SLOW"
            failed += fault is not None or bool(slow)
            print(f"{number:3} exit {done.returncode} {seconds:5.1f} s{slow}  {each.shown}")
            print(f"      {(fault and 'WRONG: ') or ''}{fault or done.stderr.strip()}", flush=True)
    print(f"{number} command lines, {failed} not refused as they should be")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
