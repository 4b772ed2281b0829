"""Decode steps of the embedded model beside busy neighbours: `make bench-threads`.

Threads must give way, to other processes and to one another where there are more of them than
processors. Variants are interleaved. Prints one line for each:

    precision, requests, threads, neighbours, ms a step, ms of its processor time, twice their
    ratio, SHA-256 of the tokens

On two processors twice the ratio is 1 where both are the step's alone, 4/3 at the least where two
threads share one of them with a neighbour, and 2 for a single thread.
"""

import hashlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter, process_time

import pipeline
from pipeline.adapters.adapter import Adapter
from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.engines.settings import Serving
from pipeline.inference.engine import Engine
from pipeline.inference.events import Token
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams
from pipeline.kernels.formats import Precision
from pipeline.models.checkpoint import Checkpoint
from pipeline.process.arguments import Arguments, count

TINY = Path(pipeline.__file__).parent / "assets" / "tiny"
THREADS, NEIGHBOURS, ROUNDS, STEPS = (1, 2, 3, 8), (0, 1), 3, 64


@contextmanager
def neighbours(number: int) -> Iterator[None]:
    """So many processes that do nothing but compute."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for each in started:
            each.kill()
            each.wait()


@contextmanager
def serving(precision: Precision, threads: int) -> Iterator[Engine]:
    """The embedded model and its adapters."""
    base = Checkpoint.open(TINY / "base")
    folders = sorted((TINY / "adapters").iterdir())
    adapters = {each.name: Adapter.open(each.name, each, base.config) for each in folders}
    settings = MultiloraSettings(name="multilora", precision=precision)
    with settings.build(Serving(base, adapters, threads=threads)) as engine:
        yield engine


def decode(engine: Engine, requests: int) -> tuple[float, float, str]:
    """Seconds a decode step, of the wall and of the processors, and the tokens' hash."""
    names = sorted(each.name for each in (TINY / "adapters").iterdir())
    sampling = SamplingParams(max_new_tokens=STEPS + 1, ignore_eos=True)
    for number in range(requests):
        prompt = tuple(range(5 + number, 21 + number))
        engine.submit(Request(number, names[number % len(names)], None, prompt, sampling))
    events = engine.step()
    started, used = perf_counter(), process_time()
    while engine.busy:
        events += engine.step()
    seconds = perf_counter() - started, process_time() - used
    tokens = [(each.request_id, each.token_id) for each in events if isinstance(each, Token)]
    said = hashlib.sha256(repr(sorted(tokens, key=lambda each: str(each[0]))).encode())
    return seconds[0] / STEPS, seconds[1] / STEPS, said.hexdigest()[:12]


def measure(precision: Precision, requests: int, threads: int, beside: int) -> str:
    """One line."""
    with serving(precision, threads) as engine, neighbours(beside):
        decode(engine, requests)
        turns = [decode(engine, requests) for _ in range(ROUNDS)]
    wall, used = (
        sorted(column)[ROUNDS // 2] for column in ([t[0] for t in turns], [t[1] for t in turns])
    )
    return (
        f"{precision}  {requests:3d}  {threads:2d} threads  {beside} neighbours  "
        f"{wall * 1e3:7.3f} ms  {used * 1e3:7.3f} ms  {2 * wall / used:5.2f}  {turns[0][2]}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure with as many requests as the command line says."""
    parser = Arguments(prog="python -m pipeline.engines.multilora.bench")
    parser.add_argument("requests", nargs="?", type=count, default=8)
    requests = parser.parse_args(arguments).requests
    for precision in ("fp32", "int8", "int4"):
        for beside in NEIGHBOURS:
            for threads in THREADS:
                print(measure(precision, requests, threads, beside), flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
