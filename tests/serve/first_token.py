"""What HTTP adds to the time to the first token, one request at a time, in pairs.

    python -m tests.serve.first_token model=smollm2 adapters=skills engine.precision=int8

A server's engine is asked in three ways, in an order that is drawn anew every round: from within
the server's process, through a bare socket, and through the client of `engine=openai`. Printed is
the median time to the first token of each way, and the median of its differences from in process,
with an interval of 95 % by the bootstrap. Overrides are the server's.
"""

import argparse
import json
import socket
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Client
from pathlib import Path
from queue import SimpleQueue
from random import Random
from statistics import median
from time import perf_counter
from urllib.parse import urlsplit

from pipeline.engines.openai.connection import Connection
from pipeline.engines.openai.reply import ServerReply
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams
from pipeline.serve.config import composed
from tests.serve.launched import launched

PATH, WARM, PROMPT, TOKENS = "/v1/completions", 5, 32, 2
"""Rounds that don't count; tokens of a prompt, and of an answer."""
END, SEED, DRAWS = b"0\r\n\r\n", 0, 1000
Way = Callable[[Sequence[int]], float]
"""Asks with a prompt's token ids; seconds until the first token was there."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask and print; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.serve.first_token", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("overrides", nargs="*", help="of the server")
    options = parser.parse_args(arguments)
    random, model_config = Random(SEED), composed(options.overrides).model.checkpoint().config
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        within = str(folder / "within")
        program = ("-m", "tests.serve.asked_within", within)
        server = stack.enter_context(launched(folder, options.overrides, program))
        base, *adapters = (each["id"] for each in server.models())
        model, adapter = [*adapters, base][0], [*adapters, None][0]
        ways: dict[str, Way] = {
            "in process": stack.enter_context(_in_process(within, adapter)),
            "socket": stack.enter_context(_by_socket(server.url, model)),
            "engine=openai": stack.enter_context(_by_client(server.url, model)),
        }
        times = defaultdict(list)
        for turn in range(WARM + options.rounds):
            for name in random.sample([*ways], len(ways)):
                ids = [random.randrange(model_config.vocabulary) for _ in range(PROMPT)]
                seconds = ways[name](ids)
                if turn >= WARM:
                    times[name].append(1e3 * seconds)
    for name in ways:
        print(f"{name:14}{_said(times[name], times['in process'], random)}")
    return 0


@contextmanager
def _in_process(at: str, adapter: str | None) -> Iterator[Way]:
    sampling = SamplingParams(max_new_tokens=TOKENS, ignore_eos=True)
    with Client(at) as connection:

        def ask(ids: Sequence[int]) -> float:
            connection.send(Request(0, adapter, prompt_ids=tuple(ids), sampling=sampling))
            return float(connection.recv())

        yield ask


@contextmanager
def _by_socket(url: str, model: str) -> Iterator[Way]:
    at = urlsplit(url)
    with socket.create_connection((at.hostname, at.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def ask(ids: Sequence[int]) -> float:
            body = json.dumps(_body(model, ids)).encode()
            head = (
                f"POST {PATH} HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Type: application/json\r\n"
            )
            began, came, first = perf_counter(), b"", None
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            while not came.endswith(END):
                came += connection.recv(1 << 16)
                if first is None and b"data: " in came:
                    first = perf_counter()
            assert first is not None, came
            return first - began

        yield ask


@contextmanager
def _by_client(url: str, model: str) -> Iterator[Way]:
    replies: SimpleQueue[ServerReply] = SimpleQueue()
    with Connection(url, {}, 60, lambda _, reply: replies.put(reply)) as connection:

        def ask(ids: Sequence[int]) -> float:
            began = perf_counter()
            connection.send(0, PATH, _body(model, ids), TOKENS)
            reply = replies.get()
            assert reply.error is None, reply.error
            return reply.chunks[0].at - began

        yield ask


def _body(model: str, ids: Sequence[int]) -> dict[str, object]:
    said = {"model": model, "prompt": ids, "max_tokens": TOKENS, "temperature": 0}
    return said | {"stream": True, "ignore_eos": True}


def _said(times: Sequence[float], others: Sequence[float], random: Random) -> str:
    pairs = [mine - other for mine, other in zip(times, others, strict=True)]
    drawn = sorted(median(random.choices(pairs, k=len(pairs))) for _ in range(DRAWS))
    low, high = drawn[DRAWS // 40], drawn[-DRAWS // 40]
    return f"{median(times):8.2f} ms  {median(pairs):+6.2f} ({low:+.2f} to {high:+.2f})"


if __name__ == "__main__":
    sys.exit(main())
