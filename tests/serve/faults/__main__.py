"""A server under faults: `python -m tests.serve.faults`, or `make serve-faults`.

Clients that vanish, a thousand connections, slow readers, oversized and broken bodies, unknown
adapters, adapters that change under load, SIGTERM under load, an engine that fails: on model=tiny,
a line for each, with the status it got or what became of the requests. Beside every fault clients
ask as they should, each answer held against what its adapter answers undisturbed. Exit code 1 if
anything wasn't as it should be, or a part took longer than it may.
"""

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from tests.serve.faults.bodies import LARGEST, bodies, unknown
from tests.serve.faults.changes import changes, rooted
from tests.serve.faults.clients import slow_readers, thousand, too_many, vanishing
from tests.serve.faults.ends import drains, fails, hurries
from tests.serve.faults.load import Regulars
from tests.serve.faults.outcome import Line
from tests.serve.faults.server import Process, started

Part = Callable[[Process, Regulars], AsyncIterator[Line]]

LIVING: Sequence[Part] = (bodies, unknown, vanishing, slow_readers, changes, thousand, too_many)
"""After which a server goes on as before; one lives through all of them."""
ENDING: Sequence[tuple[Part, str]] = (
    (drains, "serve.drain_seconds=30"),
    (hurries, "serve.drain_seconds=0.5"),
    (fails, "serve.drain_seconds=30"),
)
"""After which there is none; each has its own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """All parts; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.serve.faults", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="that a part may take")
    parser.add_argument("--only", nargs="*", default=[], help="parts, by their names")
    options = parser.parse_args(arguments)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        lines = asyncio.run(_all(Path(folder), options.seconds, options.only))
    bad = sum(not line.good for line in lines)
    print(f"{len(lines)} lines, {bad} of them BAD")
    return 1 if bad or not lines else 0


async def _all(folder: Path, seconds: float, only: Sequence[str]) -> list[Line]:
    lines: list[Line] = []
    own = (
        *("engine=multilora", "threads=1", "engine.policy=fair", "engine.prefix_cache=true"),
        *("serve.allow_runtime_adapters=true", f"serve.adapter_root='{rooted(folder)}'"),
        *(f"serve.max_body_bytes={LARGEST}", "serve.read_seconds=3", "serve.max_connections=1200"),
    )
    living = [part for part in LIVING if not only or part.__name__ in only]
    if living:
        with started(folder, *own) as server:
            regulars = await Regulars.of(server.at)
            files, before = server.files, server.megabytes
            for part in living:
                lines += await _within(part, server, regulars, seconds)
            lines += _printed(_after(server, files, before))
    for ending, setting in ENDING:
        if not only or ending.__name__ in only:
            with started(folder, *own, setting) as server:
                regulars = await Regulars.of(server.at)
                lines += await _within(ending, server, regulars, seconds)
    return lines


async def _within(part: Part, server: Process, regulars: Regulars, seconds: float) -> list[Line]:
    """A part's lines, printed as they come; one more where it takes too long or breaks off."""
    lines, began = [], time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            async for line in part(server, regulars):
                lines += _printed([line])
    except TimeoutError:
        lines += _printed([Line(part.__name__, "all of it", f"not within {seconds:g} s", False)])
    except Exception as error:
        lines += _printed([Line(part.__name__, "all of it", repr(error), False)])
    print(f"    {part.__name__} took {time.monotonic() - began:.1f} s", flush=True)
    return lines


def _after(server: Process, files: int, before: float) -> list[Line]:
    """What is left of it all in a server that has lived through it."""
    time.sleep(1)
    status, health = server.status(), server.get("/health").status_code
    open_ = len(status["running"]) + status["waits"]
    said = server.output.read_text()
    return [
        Line("after", "/health", str(health), health == 200),
        Line("after", "requests that are open", str(open_), open_ == 0),
        Line(
            "after",
            f"files and connections ({files} before)",
            str(server.files),
            server.files < files + 16,
        ),
        Line("after", f"memory in MB ({before:.0f} before)", f"{server.megabytes:.0f}", True),
        Line(
            "after", "tracebacks in its log", str(said.count("Traceback")), "Traceback" not in said
        ),
    ]


def _printed(lines: Sequence[Line]) -> list[Line]:
    for line in lines:
        print(line, flush=True)
    return [*lines]


if __name__ == "__main__":
    sys.exit(main())
