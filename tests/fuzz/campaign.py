"""Runs a fuzzer's cases in processes of their own, and counts what became of each.

    python -m tests.fuzz.campaign checkpoints --arm multilora --cases 1000 --asan

A fuzzer is a module of this folder with `begin(work, arm, seed)`, which returns a function from a
case's number to its `Outcome`. What comes of a case depends on seed, arm and number alone. Results
go line by line into a journal in `--out`, so that a campaign goes on where it was stopped, and a
case that ends its process is known by name.
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from pipeline.errors import LONGEST
from tests.asan import with_asan

ROOT = Path(__file__).parents[2]
SLOW_S = 2.0
"""Seconds of processor time that no case may take."""
CPU_S, WALL_S = 30, 120
"""Seconds after which a case is ended: of processor time, and by the clock."""
MEMORY_MB = 4096
KINDS = ("refused", "served", "failed", "unlike", "foreign", "slow", "hung", "crashed")
"""Ends of a case. Only the first three are right ones: refused with a `UsageError`, served as the
library serves it, or failed as the engine declares it."""
RIGHT = KINDS[:3]


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        kind: one of `KINDS`.
        change: what was changed.
        said: the message, if there was one.
    """

    kind: str
    change: str
    said: str = ""


Try = Callable[[int], Outcome]


def main(arguments: list[str] | None = None) -> int:
    """Run what is left of a campaign, or print what all journals of a folder hold."""
    asked = _parser().parse_args(arguments)
    if asked.work:
        return _work(asked)
    asked.out.mkdir(parents=True, exist_ok=True)
    journal = asked.out / f"{asked.fuzzer}-{asked.arm}-{asked.seed}.jsonl"
    until = time.monotonic() + asked.minutes * 60
    while time.monotonic() < until:
        done = _done(journal)
        first = next(n for n in range(asked.first, asked.cases + 1) if n not in done)
        if first >= asked.cases:
            break
        _one_process(asked, journal, first, until - time.monotonic())
    return _table([journal], asked.show)


def _one_process(asked: Any, journal: Path, first: int, seconds: float) -> None:
    """Cases until one ends the process, or time is up."""
    command = [sys.executable, "-m", "tests.fuzz.campaign", *sys.argv[1:], "--work", str(journal)]
    command += ["--first", str(first), "--minutes", str(seconds / 60)]
    with tempfile.TemporaryFile() as said:
        ended = subprocess.run(command, cwd=ROOT, env=_environment(asked.asan), stderr=said)
        said.seek(0)
        words = said.read().decode("utf-8", "replace")
    if not ended.returncode:
        return
    last = [json.loads(line) for line in journal.read_text("utf-8").splitlines()][-1:]
    if not last or "kind" in last[0]:
        sys.exit(f"the fuzzer itself failed:\n{words[-4000:]}")
    code = ended.returncode
    kind = "hung" if code in (-signal.SIGPROF, -signal.SIGALRM) else "crashed"
    with journal.open("a", encoding="utf-8") as file:
        line = {**last[0], "kind": kind, "said": f"exit code {code}\n{words[-6000:]}"}
        file.write(json.dumps(line) + "\n")


def _work(asked: Any) -> int:
    """In the process: case after case, each announced before it begins."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not asked.asan:  # which reserves more addresses than any memory has
        resource.setrlimit(resource.RLIMIT_AS, (4 * MEMORY_MB << 20,) * 2)
    until, done = time.monotonic() + asked.minutes * 60, _done(asked.work)
    with tempfile.TemporaryDirectory() as work, asked.work.open("a", encoding="utf-8") as journal:
        attempt: Try = import_module(f"tests.fuzz.{asked.fuzzer}").begin(
            Path(work), asked.arm, asked.seed
        )
        for number in range(asked.first, asked.cases):
            if time.monotonic() > until:
                break
            if number not in done:
                journal.write(json.dumps({"case": number}) + "\n")
                journal.flush()
                journal.write(json.dumps({"case": number, **_timed(attempt, number)}) + "\n")
                journal.flush()
    return 0


def _timed(attempt: Try, number: int) -> dict[str, Any]:
    signal.setitimer(signal.ITIMER_PROF, CPU_S)
    signal.setitimer(signal.ITIMER_REAL, WALL_S)
    began = _seconds()
    found = outcome(attempt, number)
    taken = _seconds() - began
    if found.kind in RIGHT and taken > SLOW_S:
        found = Outcome("slow", found.change, f"{taken:.1f} s; {found.kind}: {found.said}")
    return {**asdict(found), "seconds": round(taken, 3)}


def outcome(attempt: Try, number: int) -> Outcome:
    """What becomes of a case; an exception is `foreign`, and so is a message of several lines."""
    try:
        found = attempt(number)
    except Exception:
        return Outcome("foreign", "", traceback.format_exc()[-6000:])
    if found.kind == "refused" and ("\n" in found.said or len(found.said) > LONGEST + 3):
        return Outcome("foreign", found.change, f"not one short line: {found.said[:3000]}")
    return found


def _seconds() -> float:
    spent = (resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in spent)


def _environment(asan: bool) -> dict[str, str]:
    """One thread, no network and no other processor."""
    found = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    if asan:
        found |= with_asan("allocator_may_return_null=1", f"hard_rss_limit_mb={MEMORY_MB}")
    return found


def _done(journal: Path) -> set[int]:
    return {each["case"] for each in _ended([journal])}


def _ended(journals: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for journal in filter(Path.is_file, journals):
        lines = map(json.loads, journal.read_text("utf-8").splitlines())
        yield from (line for line in lines if "kind" in line)


def _table(journals: Iterable[Path], show: bool) -> int:
    """Print the counts, and with `show` what went wrong; 1 if anything did."""
    ended = [*_ended(journals)]
    counts = Counter(each["kind"] for each in ended)
    print(f"{len(ended)} cases:", ", ".join(f"{counts[kind]} {kind}" for kind in KINDS))
    wrong = [each for each in ended if each["kind"] not in RIGHT]
    for each in wrong if show else ():
        print(f"\n{each['case']} {each['kind']}: {each.get('change')}\n{each['said']}")
    return bool(wrong)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("fuzzer", help="a module of this folder")
    parser.add_argument(
        "--arm", default="multilora", help="what the fuzzer tries, such as an engine"
    )
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=9.0, help="then stop; call again to go on")
    parser.add_argument(
        "--asan", action="store_true", help="build the kernels with AddressSanitizer"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / ".fuzz")
    parser.add_argument("--show", action="store_true", help="print every case that went wrong")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
