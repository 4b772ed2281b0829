"""`make generators`: clients of others' drive the server, with several adapters at once, streaming.

    python -m tests.serve.generators --guidellm g/bin/guidellm --aiperf a/bin/aiperf \\
        --openai o/bin/python --curl curl

A server is started (`--serve` are its overrides), asked by one program after the other, and what
each reports is compared with what the server measured of the same requests: its access log and
`/metrics`. Throughputs may differ by 5 %, means of the time to the first token and between tokens
by what two means of so many requests differ by chance, at 95 %. Exit code 1 where they don't agree.
"""

import argparse
import shlex
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.serve.generators.aiperf import AiPerf
from tests.serve.generators.curl import Curl
from tests.serve.generators.generator import Generator, Load
from tests.serve.generators.guidellm import GuideLlm
from tests.serve.generators.openai_package import OpenAiPackage
from tests.serve.generators.report import Measured, Report, Spread, faults
from tests.serve.launched import Launched, launched

GENERATORS: tuple[type[Generator], ...] = (OpenAiPackage, Curl, GuideLlm, AiPerf)
SERVE = "model=smollm2 adapters=skills engine=multilora engine.precision=int8"


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask by all programs that were named; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.serve.generators", description=__doc__)
    for each in GENERATORS:
        parser.add_argument(f"--{each.name}", metavar="PROGRAM", help=each.install)
    parser.add_argument("--serve", default=SERVE, help="overrides of the server")
    parser.add_argument("--endpoint", choices=["completions", "chat"], default="chat")
    parser.add_argument("--models", type=int, default=3, help="how many are asked: adapters first")
    parser.add_argument("--requests", type=int, default=96)
    parser.add_argument("--concurrency", type=int, default=6)
    parser.add_argument("--prompt-tokens", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=32, help="of every answer")
    options = parser.parse_args(arguments)
    named = [each(said) for each in GENERATORS if (said := getattr(options, each.name))]
    if not named:
        parser.error("name a program at least; they are had so:\n" + _installs(GENERATORS))
    for each in named:
        if (found := shutil.which(each.program)) is None:
            parser.error(f"--{each.name} {each.program}: no such program; {each.install}")
        each.program = str(Path(found).absolute())
    folder = Path(tempfile.mkdtemp(prefix="generators-"))
    with launched(folder, shlex.split(options.serve)) as server:
        served = server.models()
        load = Load(
            server.url,
            [each["id"] for each in [*served[1:], served[0]]][: options.models],
            served[0]["root"],
            options.endpoint,
            options.requests,
            options.concurrency,
            options.prompt_tokens,
            options.tokens,
            folder,
        )
        print(f"{', '.join(load.models)} at {server.url}; files in {folder}\n{HEAD}", flush=True)
        found = [_compared(each, load, server) for each in named]
    return 1 if any(found) else 0


def _compared(generator: Generator, load: Load, server: Launched) -> list[str]:
    """A row of the table; what doesn't agree."""
    known, before = len(server.logged()), server.metrics()
    own = load.folder / generator.name
    own.mkdir()
    try:
        report = generator.run(replace(load, folder=own))
    except (RuntimeError, OSError, LookupError, ValueError) as error:
        print(f"{generator.name:10}{error}", flush=True)
        return [str(error)]
    logged = server.logged_since(known, report.requests)
    counted = server.metrics()
    counted.subtract(before)
    measured = Measured.of(logged, counted)
    found = faults(report, measured)
    verdict = "; ".join(found) or "agrees"
    print(
        f"{generator.name:10}{len(measured.models):7}{_row(report, measured)}  {verdict}",
        flush=True,
    )
    return found


HEAD = (
    f"{'':10}{'models':>7}{'requests':>9}{'tokens/s':>10}{'server':>8}{'':>8}"
    f"{'TTFT ms':>9}{'server':>8}{'noise':>7}{'ITL ms':>8}{'server':>8}{'noise':>7}"
)


def _row(report: Report, measured: Measured) -> str:
    differs = report.tokens_per_s / measured.tokens_per_s - 1
    cells = (
        f"{report.requests:9}{report.tokens_per_s:10.1f}{measured.tokens_per_s:8.1f}{differs:+8.1%}"
    )
    return cells + _times(report.ttft, measured.ttft_ms, 9) + _times(report.itl, measured.itl_ms, 8)


def _times(spread: Spread | None, server: float, width: int) -> str:
    if spread is None:
        return f"{'–':>{width}}{server:8.2f}{'':7}"
    return f"{spread.mean:{width}.2f}{server:8.2f}{f'±{spread.noise:.2f}':>7}"


def _installs(kinds: Sequence[type[Generator]]) -> str:
    return "\n".join(f"--{each.name}: {each.install}" for each in kinds)


if __name__ == "__main__":
    sys.exit(main())
