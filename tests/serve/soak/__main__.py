"""`make soak`: ten minutes of open arrivals at 80 % of what a server can take.

    python -m tests.serve.soak --minutes 10

The server's throughput is found by asking it with as many users as it has places. Then requests
come at Poisson's times, at that share of it, for 64 adapters by Zipf's law (`+experiment=load`).
Nothing may be lost, doubled or mixed up: every answer is, token by token, what the same engine
answers to the same question offline. The server's memory, once it has settled, stays what it is.
Exit code 1 where any of that doesn't hold.
"""

import argparse
import shlex
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

from pipeline.tracking.run_directory import RunDirectory
from tests.serve.launched import Launched, launched
from tests.serve.soak.memory import MemoryWatch, settled_and_last
from tests.serve.soak.offline import Question, answers, questions

MODEL = "model=smollm2 adapters=synthetic adapters.count=64"
ENGINE = "engine=multilora engine.precision=int8"
CLOSED_REQUESTS, USERS = 400, 32
GROWN = 0.01
"""Share by which memory may grow between settling and the end."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Find the rate, ask, and look at everything; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.serve.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--share", type=float, default=0.8, help="of the throughput")
    parser.add_argument("--rate", type=float, help="requests a second, instead of a share")
    parser.add_argument("--model", default=MODEL, help="overrides: model and adapters")
    parser.add_argument("--engine", default=ENGINE, help="overrides: the server's engine")
    parser.add_argument("--tokens", type=int, default=16, help="of every answer")
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    model, engine = shlex.split(options.model), shlex.split(options.engine)
    print(f"files in {folder}", flush=True)
    with launched(folder, [*model, *engine]) as server:
        asked = (*model, f"workload.max_new_tokens={options.tokens}")
        rate = options.rate or options.share * _throughput(server, folder / "closed", asked)
        said = (f"workload.rate={rate}", f"workload.requests={round(60 * options.minutes * rate)}")
        print(f"{said[1]} at {rate:.2f} a second", flush=True)
        known, before = len(server.logged()), server.metrics()
        with MemoryWatch(server) as watch:
            run = _run(server, folder / "open", (*asked, *said))
        logged = server.logged_since(known, len(run.requests()))
        counted = server.metrics()
        counted.subtract(before)
        mib = [size / 2**20 for size in settled_and_last(watch.samples)]
    statuses = Counter(each.status for each in logged)
    found = [*_lost(run, statuses, counted), *_mixed_up(run, [*model, *engine])]
    print(f"memory: {mib[0]:.1f} MiB once settled, {mib[1]:.1f} MiB at the end")
    if mib[1] > (1 + GROWN) * mib[0]:
        found.append("memory grows")
    print(*found or ["nothing lost, doubled or mixed up; memory flat"], sep="\n")
    return 1 if found else 0


def _throughput(server: Launched, folder: Path, asked: Sequence[str]) -> float:
    """Requests a second with as many users as there are places."""
    users = f"workload.arrivals.concurrency={USERS}"
    closed = ("workload/arrivals=concurrency", users, f"workload.requests={CLOSED_REQUESTS}")
    figures = _run(server, folder, (*asked, *closed)).json("metrics.json")
    print(f"with {USERS} users: {figures['requests_per_s']:.2f} requests a second")
    return float(figures["requests_per_s"])


def _run(server: Launched, folder: Path, overrides: Sequence[str]) -> RunDirectory:
    """`+experiment=load` against the server."""
    command = [sys.executable, "-m", "pipeline", "+experiment=load", f"hydra.run.dir={folder}"]
    own = (f"engine.base_url={server.url}", "tracking=none", "workload.run_in.seconds=2")
    done = subprocess.run([*command, *own, *overrides], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{folder}: {done.stderr[-1000:] or done.stdout[-1000:]}")
    return RunDirectory(folder)


def _lost(run: RunDirectory, statuses: Counter[int], counted: Counter[str]) -> Iterator[str]:
    """What isn't there, or there twice: by the client's files, the server's log, its metrics."""
    rows, status, figures = run.requests(), run.status(), run.json("metrics.json")
    asked, tokens = len(run.asked()), sum(len(each.output_ids) for each in rows)
    failed = [each for each in rows if each.error is not None]
    print(
        f"{asked} asked, {len(rows)} rows, {len(failed)} failed, {tokens} tokens; "
        f"the server: {dict(statuses)}, {counted['vllm:request_success_total']:.0f} ended, "
        f"{counted['vllm:generation_tokens_total']:.0f} tokens; the run is {status.validity}"
    )
    told = ("achieved_rps", "ttft_s/p50", "ttft_s/p99", "itl_s/p50", "dispatch_lag_s/p99")
    print("; ".join(f"{name} {figures[name]:.4g}" for name in told if name in figures))
    yield from run.strays()
    yield from (f"request {each.id} failed: {each.error}" for each in failed[:5])
    yield from status.reasons
    if len(rows) != asked or statuses != {200: asked}:
        yield f"{asked} asked, {len(rows)} rows, the server answered {dict(statuses)}"
    if counted["vllm:request_success_total"] != asked:
        yield f"the server counted {counted['vllm:request_success_total']:.0f} requests"
    if counted["vllm:generation_tokens_total"] != tokens:
        yield f"the server counted {counted['vllm:generation_tokens_total']:.0f} tokens"


def _mixed_up(run: RunDirectory, overrides: Sequence[str]) -> Iterator[str]:
    """Answers that aren't those of the same engine offline."""
    asked, began = questions(run.trace), perf_counter()
    known = answers(overrides, asked.values())
    rows = run.requests()
    others = [each for each in rows if each.output_ids != known[asked[each.id]]]
    print(
        f"{len(rows) - len(others)} of {len(rows)} answers equal offline's, of {len(known)} "
        f"questions to {len({each.adapter for each in known})} adapters "
        f"({perf_counter() - began:.0f} s); {_told_apart(known)}"
    )
    for each in others[:5]:
        yield f"request {each.id}, {asked[each.id]}: {each.output_ids}, {known[asked[each.id]]}"
    if others:
        yield f"{len(others)} answers aren't offline's"


def _told_apart(known: dict[Question, tuple[int, ...]]) -> str:
    """Whether a mix-up would show: do adapters answer a prompt each in their own way?"""
    by_prompt: dict[str, list[tuple[int, ...]]] = defaultdict(list)
    for question, answer in known.items():
        by_prompt[question.prompt].append(answer)
    pairs = [
        one != other
        for given in by_prompt.values()
        for number, one in enumerate(given)
        for other in given[:number]
    ]
    return f"two adapters differ on the same prompt in {sum(pairs)} of {len(pairs)} pairs"


if __name__ == "__main__":
    sys.exit(main())
