"""`python -m pipeline.serve`: an engine behind the API that OpenAI's clients speak.

    python -m pipeline.serve model=tiny adapters=trained engine=multilora serve.port=8000

Overrides are those of `python -m pipeline` for model, adapters, engine and threads, and `serve.`'s
own; `conf/server.yaml` lists them. Told to stop, by SIGTERM or Ctrl-C, the server finishes what it
has begun; a second time, it ends at once. Exit codes: 0 it ended so; 1 the engine failed; 2 the
request was wrong and nothing was started.
"""

import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from socket import socket

from pipeline.errors import UsageError
from pipeline.launch.storage import settle_caches
from pipeline.process.arguments import Arguments
from pipeline.process.signals import command
from pipeline.serve.build import LoadedEngine, load
from pipeline.serve.config import ServeConfig, composed
from pipeline.serve.server import HttpServer, bound, minding_signals, served, url_of

SWITCH_S = 5e-4
"""Seconds for which the engine's thread may keep the interpreter from the event loop's, which only
passes tokens on; Python's own ten times as many are felt in the time to the first token."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Compose, check, load, serve; the exit code."""
    parser = Arguments(prog="python -m pipeline.serve", description=__doc__)
    parser.add_argument(
        "overrides", nargs="*", metavar="OVERRIDE", help="group=choice or a.b=value"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        config = composed(options.overrides)
        settle_caches(Path(config.paths.cache))
        at = bound(config.serve)
        made = load(config)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    sys.setswitchinterval(SWITCH_S)
    try:
        return asyncio.run(_serve(config, made, at))
    finally:
        made.close()


async def _serve(config: ServeConfig, made: LoadedEngine, at: socket) -> int:
    server = HttpServer(made.service(asyncio.get_running_loop()))
    minding_signals(server)
    adapters = len(made.names.folders)
    print(
        f"{made.names.base} and {adapters} adapters, by engine={config.engine.name}: "
        f"{url_of(at)}/v1",
        flush=True,
    )
    return await served(server, at)


if __name__ == "__main__":
    command(main)
