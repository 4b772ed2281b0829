"""`make docs-check`: every documented command, made small, is run in a copy of the project.

Stopped, the same command with `--folder` of before goes on where it was.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic, sleep
from urllib.error import URLError

from tests.docs.commands import (
    ROOT,
    Command,
    Reduction,
    Reductions,
    documented,
    reduced,
    reductions,
)
from tests.docs.needs import absent, listing

RESULTS = "results.jsonl"


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    page: str
    command: str
    ran: str
    code: int
    seconds: float
    right: bool
    last: str


def main() -> int:
    """Run what hasn't been run yet; 1 if anything didn't end as it should."""
    parser = argparse.ArgumentParser(prog="python -m tests.docs", description=__doc__)
    parser.add_argument("--list", action="store_true", help="what each command needs; runs none")
    parser.add_argument("--folder", type=Path, help="the copy of the project (a new one)")
    parser.add_argument("--for-seconds", type=float, default=1e9, help="begin none after so long")
    parser.add_argument("--longest", type=float, default=540, help="seconds of a command (540)")
    parser.add_argument("--only", default="", help="a regular expression of commands")
    arguments = parser.parse_args()
    commands, known = documented(), reductions()
    if arguments.list:
        print(*listing(commands, known), sep="\n")
        return 0
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="docs "))
    if not (folder / RESULTS).exists():
        _copy(folder)
    print(f"in {folder}", flush=True)
    asked = [each for each in commands if re.search(arguments.only, each.text)]
    until = monotonic() + arguments.for_seconds
    _run_all(asked, known, folder, until, arguments.longest)
    done = [each for each in _results(folder) if each.command in {c.text for c in commands}]
    wrong = [each for each in done if not each.right]
    left = len(commands) - len(done)
    print(f"{len(done) - len(wrong)} passed, {len(wrong)} failed", f"{left} left" if left else "")
    return int(bool(wrong or left))


def _run_all(
    commands: list[Command], known: Reductions, folder: Path, until: float, longest: float
) -> None:
    """Those that haven't passed yet; each result is kept at once."""
    for command in commands:
        done = _results(folder)
        if any(each.command == command.text and each.right for each in done):
            continue
        if monotonic() > until:
            return
        rule = known.of(command)
        if why := absent(rule, known):
            print(f"left              {command.text}\n     {why}", flush=True)
            continue
        failed = _make(known.sweep, command, rule, folder)
        result = failed or _run(command, rule, folder, longest)
        kept = [*(each for each in done if each.command != command.text), result]
        lines = (json.dumps(asdict(each)) + "\n" for each in kept)
        (folder / RESULTS).write_text("".join(lines), "utf-8")
        _tell(result)


def _results(folder: Path) -> list[Result]:
    lines = (folder / RESULTS).read_text("utf-8").splitlines()
    return [Result(**json.loads(line)) for line in lines]


def _copy(folder: Path) -> None:
    """What git knows of, and the virtualenv by a link."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target, follow_symlinks=False)
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    (folder / RESULTS).touch()


def _make(sweep: str, command: Command, rule: Reduction, folder: Path) -> Result | None:
    """The sweeps that a command reads; how one ended that failed, in the command's place."""
    for name in rule.needs:
        if not (folder / name).exists():
            where = (f"hydra.sweep.dir={name}", f"tracking.experiment={rule.experiment}")
            words = [*sweep.split(), *where]
            made = subprocess.run(
                words, cwd=folder, env=_environment(rule), capture_output=True, text=True
            )
            if made.returncode:
                ran, last = shlex.join(words), _last(made.stderr or made.stdout)
                return Result(command.page, command.text, ran, made.returncode, 0.0, False, last)
    return None


def _environment(rule: Reduction) -> dict[str, str]:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return {**os.environ, "PATH": path, "PYTHONPATH": "", "COLUMNS": "120", **rule.environment}


def _run(command: Command, rule: Reduction, folder: Path, longest: float) -> Result:
    ran = shlex.join(reduced(command, rule))
    began = monotonic()
    process = subprocess.Popen(
        ["bash", "-c", ran],
        cwd=folder,
        env=_environment(rule),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    answered = _served(process, rule.serves, longest) if rule.serves else True
    try:
        said = process.communicate(timeout=longest)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said = f"{process.communicate()[0]}\nstopped after {longest:g} s; --longest gives it more"
    with (folder / "output.txt").open("a", encoding="utf-8") as file:
        print("$", ran, said, sep="\n", file=file)
    ended = bool(rule.serves) or process.returncode in rule.codes
    right = answered and ended and bool(re.search(rule.says, said))
    seconds = round(monotonic() - began, 1)
    return Result(command.page, command.text, ran, process.returncode, seconds, right, _last(said))


def _last(said: str) -> str:
    return (said.strip().splitlines() or [""])[-1]


def _served(process: "subprocess.Popen[str]", address: str, longest: float) -> bool:
    """Whether a server answers; it is told to end."""
    until, answered = monotonic() + longest, False
    while not answered and process.poll() is None and monotonic() < until:
        try:
            with urllib.request.urlopen(address, timeout=5) as response:
                answered = response.status == 200
        except (URLError, OSError):
            sleep(0.5)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    return answered


def _tell(result: Result) -> None:
    mark = "ok  " if result.right else "FAIL"
    print(f"{mark} {result.code:>3} {result.seconds:>6.1f} s  {result.command}", flush=True)
    if not result.right:
        print(f"     {result.last}\n     ran: {result.ran}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
