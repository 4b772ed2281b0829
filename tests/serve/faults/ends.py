"""How a server ends under load: by SIGTERM, with time enough and without, and by its engine."""

import asyncio
import signal
from collections.abc import AsyncIterator
from typing import Any

from tests.serve.faults.client import Address, Answer, ask, request
from tests.serve.faults.load import MODELS, Regulars, question
from tests.serve.faults.outcome import ANSWERED, Line, counted, outcome
from tests.serve.faults.server import SECRET, Process

OPEN = 32
"""Requests that are open when it comes."""


class Tries:
    """Clients who keep coming, and what they are told; `refused` where nobody listens any more."""

    def __init__(self, at: Address) -> None:
        self.told: list[str] = []
        self._task = asyncio.create_task(self._come(at))

    async def over(self) -> list[str]:
        """What they were told."""
        self._task.cancel()
        await asyncio.wait([self._task])
        return self.told

    async def _come(self, at: Address) -> None:
        while True:
            try:
                answer = await ask(at, request(question("sql")))
                unread = answer.status is None and not answer.body
                self.told.append("refused" if unread else outcome(answer, []))
            except OSError:
                self.told.append("refused")
            await asyncio.sleep(0.1)


async def opened(server: Process, tokens: int) -> "asyncio.Future[list[Answer]]":
    """Requests, half of them streams, once all have come to the server."""
    bodies: list[dict[str, Any]] = [
        question(MODELS[n % len(MODELS)], tokens, stream=n % 2 == 0) for n in range(OPEN)
    ]
    asked = asyncio.gather(*(ask(server.at, request(body)) for body in bodies))
    while True:
        status = await asyncio.to_thread(server.status)
        if len(status["running"]) + status["waits"] == OPEN:
            return asked
        await asyncio.sleep(0.02)


async def drains(server: Process, regulars: Regulars) -> AsyncIterator[Line]:
    """All that is open comes to its end, and nothing more is taken."""
    asked = await opened(server, 300)
    server.send(signal.SIGTERM)
    tries = Tries(server.at)
    told = [answered(each, 300) for each in await asked]
    code = await asyncio.to_thread(server.ended)
    late = {*await tries.over()} - {"refused", "503"}
    yield Line(
        "SIGTERM", f"{OPEN} open requests, 30 s to end", counted(told), {*told} == {ANSWERED}
    )
    yield Line("SIGTERM", "who comes later", counted(tries.told), not late)
    yield Line("SIGTERM", "exit code", str(code), code == 0)


async def hurries(server: Process, regulars: Regulars) -> AsyncIterator[Line]:
    """What isn't done in time is told so."""
    asked = await opened(server, 1900)
    server.send(signal.SIGTERM)
    told = [answered(each, 1900) for each in await asked]
    code = await asyncio.to_thread(server.ended)
    clear = {*told} <= {ANSWERED, "503", "told 503 in its stream"} and {*told} != {ANSWERED}
    yield Line("SIGTERM", f"{OPEN} open requests, 0.5 s to end", counted(told), clear)
    yield Line("SIGTERM", "exit code", str(code), code == 0)


async def fails(server: Process, regulars: Regulars) -> AsyncIterator[Line]:
    """The engine raises: every client is told, and learns nothing more."""
    asked = await opened(server, 1900)
    server.send(signal.SIGUSR1)
    tries = Tries(server.at)
    answers = await asked
    told = [outcome(each, []) for each in answers]
    code = await asyncio.to_thread(server.ended)
    late = {*await tries.over()} - {"refused", "500"}
    yield Line(
        "engine",
        f"{OPEN} open requests",
        counted(told),
        {*told} == {"500", "told 500 in its stream"},
    )
    yield Line("engine", "who comes later", counted(tries.told), not late)
    leaks = any(SECRET.encode() in each.body or b"Traceback" in each.body for each in answers)
    yield Line("engine", "clients learn of its insides", "yes" if leaks else "no", not leaks)
    said = SECRET in server.output.read_text()
    yield Line("engine", "the server's log does", "yes" if said else "no", said)
    yield Line("engine", "exit code", str(code), code == 1)


def answered(answer: Answer, tokens: int) -> str:
    """Whether it has all of its tokens, or what it was told."""
    if answer.text is None:
        return outcome(answer, [])
    if answer.headers["content-type"].startswith("text/event-stream"):
        return ANSWERED if '"finish_reason":"length"' in answer.body.decode() else "cut off"
    return ANSWERED if f'"completion_tokens":{tokens}'.encode() in answer.body else "cut off"
