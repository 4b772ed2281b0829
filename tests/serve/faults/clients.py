"""Clients that vanish, come in a thousand, or read slowly."""

import asyncio
import random
from collections.abc import AsyncIterator

from tests.serve.faults.client import ask, request
from tests.serve.faults.load import MODELS, Regulars, question
from tests.serve.faults.outcome import ANSWERED, Line, counted, outcome
from tests.serve.faults.server import Process

MANY = 1000
LONG = 1500
"""Tokens: an answer that nobody waits for."""


async def vanishing(server: Process, regulars: Regulars) -> AsyncIterator[Line]:
    """Half of them close, half of them reset; before the head, or in the middle of the stream."""
    draw, before = random.Random(1), server.status()["ends"]

    async def vanishes(number: int) -> None:
        reader, writer = await asyncio.open_connection(server.at.host, server.at.port)
        body = question(
            MODELS[number % len(MODELS)], LONG, stream=number % 4 != 0, n=1 + number % 2
        )
        writer.write(request(body))
        if number % 4:
            await reader.readuntil(b"data: ")
        await asyncio.sleep(draw.random())
        writer.transport.abort() if number % 2 else writer.close()

    async with regulars.asking() as found:
        await asyncio.gather(*(vanishes(number) for number in range(64)))
        for _ in range(100):
            if not (left := [each for each in server.status()["running"] if each["most"] == LONG]):
                break
            await asyncio.sleep(0.1)
    gone = server.status()["ends"]["abort"] - before["abort"]
    yield Line(
        "vanish", "64 clients leave in the middle: their requests", f"{gone} ended", gone == 96
    )
    yield Line("vanish", "and nothing of theirs runs on", f"{len(left)} run", not left)
    yield regular("vanish", found)


async def thousand(server: Process, regulars: Regulars) -> AsyncIterator[Line]:
    """A thousand that are open and silent; a thousand that ask at once."""
    async with regulars.asking(4) as found:
        silent = [
            await asyncio.open_connection(server.at.host, server.at.port) for _ in range(MANY)
        ]
        yield Line("thousand", f"{MANY} connections stay open, {server.files} files", "open", True)
        health = (await asyncio.to_thread(server.get, "/health")).status_code
        yield Line("thousand", "/health beside them", str(health), health == 200)
        for _, writer in silent:
            writer.close()
        asked = [MODELS[number % len(MODELS)] for number in range(MANY)]
        told = await asyncio.gather(
            *(regulars.once(model, n % 2 == 0) for n, model in enumerate(asked))
        )
    good = all(each in (ANSWERED, "429", "503") for each in told)
    yield Line("thousand", f"{MANY} clients ask at once", counted(told), good)
    yield regular("thousand", found)


async def too_many(server: Process, regulars: Regulars) -> AsyncIterator[Line]:
    """More connections than `serve.max_connections`, of which those too many are told so."""
    most = 1200
    silent = [await asyncio.open_connection(server.at.host, server.at.port) for _ in range(most)]
    answers = [await ask(server.at, request(question("sql"))) for _ in range(8)]
    told = [outcome(each, [regulars.texts["sql"]]) for each in answers]
    yield Line(
        "too many",
        f"{most} are open (max_connections={most}): further",
        counted(told),
        {*told} == {"503"},
    )
    health = (await asyncio.to_thread(server.get, "/health")).status_code
    yield Line("too many", "/health beside them", str(health), health == 200)
    for _, writer in silent:
        writer.close()
    await asyncio.sleep(0.5)
    last = await regulars.once("sql")
    yield Line("too many", "when they are gone", last, last == ANSWERED)


async def slow_readers(server: Process, regulars: Regulars) -> AsyncIterator[Line]:
    """They take 512 bytes at a time, with pauses, from sockets that hold little."""
    bodies = [question(MODELS[n % len(MODELS)], 300, stream=True, n=8) for n in range(12)]
    wanted = [await ask(server.at, request(each)) for each in bodies[: len(MODELS)]]
    texts = [each.text for each in wanted]
    async with regulars.asking() as found:
        slow = await asyncio.gather(
            *(ask(server.at, request(each), pause_s=0.05, taken=512, room=4096) for each in bodies)
        )
        quick = len(found)
    told = [outcome(each, [texts[n % len(MODELS)] or "?"]) for n, each in enumerate(slow)]
    yield Line("slow", f"{len(bodies)} slow readers", counted(told), {*told} == {ANSWERED})
    yield Line("slow", "others who were answered meanwhile", str(quick), quick > 0)
    yield regular("slow", found)


def regular(part: str, found: list[str]) -> Line:
    """What became of those who ask as they should."""
    return Line(part, "clients beside them", counted(found), {*found} == {ANSWERED})
