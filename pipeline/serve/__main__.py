"""`python -m pipeline.serve`: an engine behind the API that OpenAI's clients speak.

    python -m pipeline.serve model=tiny adapters=trained engine=multilora serve.port=8000

Overrides are those of `python -m pipeline` for model, adapters, engine and threads, and `serve.`'s
own; `conf/server.yaml` lists them. `cluster=ray` puts several such engines behind one address. Told
to stop, by SIGTERM or Ctrl-C, the server finishes what it has begun; a second time, it ends at
once. Exit codes: 0 it ended so; 1 the engine failed; 2 the request was wrong and nothing was
started.
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
from pipeline.serve.config import composed
from pipeline.serve.deployment import Deployment
from pipeline.serve.server import SWITCH_S, bound, minding_signals, served, url_of


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
        config.cluster.check(config)
        at = bound(config.serve)
        deployment = config.cluster.deployed(config)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    sys.setswitchinterval(SWITCH_S)
    try:
        return asyncio.run(_serve(deployment, at))
    finally:
        deployment.close()


async def _serve(deployment: Deployment, at: socket) -> int:
    server = deployment.server()
    minding_signals(server)
    print(f"{deployment.description}: {url_of(at)}/v1", flush=True)
    return await served(server, at)


if __name__ == "__main__":
    command(main)
