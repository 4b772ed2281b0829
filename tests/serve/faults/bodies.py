"""Requests that are too large, broken, or of nothing that is served, each with its status."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tests.serve.faults.client import COMPLETIONS, JSON, Answer, ask, request
from tests.serve.faults.clients import regular
from tests.serve.faults.load import Regulars, question
from tests.serve.faults.outcome import Line
from tests.serve.faults.server import Process

LARGEST = 65_536
"""The server's `serve.max_body_bytes`."""

HEAD = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
TYPED = HEAD + b"Content-Type: application/json\r\n"
CHUNKED = TYPED + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True)
class Wrong:
    """What is sent, and the statuses it may get; None is a connection that is closed."""

    what: str
    sent: bytes
    statuses: tuple[int | None, ...] = (400,)


def text(body: str) -> bytes:
    """A request with that body."""
    return request(body.encode())


BODIES = (
    Wrong("larger than serve.max_body_bytes", request(b"a" * (LARGEST + 1)), (413,)),
    Wrong(
        "as large, of a length that isn't said",
        CHUNKED + b"%x\r\n" % 70_000 + b"a" * 70_000,
        (413,),
    ),
    Wrong(
        "a length of 10^30", TYPED + b"Content-Length: 1" + b"0" * 30 + b"\r\n\r\n{}", (400, 413)
    ),
    Wrong("a negative length", TYPED + b"Content-Length: -1\r\n\r\n{}"),
    Wrong("chunks whose size is no number", CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"),
    Wrong("a body that doesn't come", TYPED + b"Content-Length: 50\r\n\r\n{", (408,)),
    Wrong("a head that doesn't come", b"POST /v1/comp", (None,)),
    Wrong("a head of 1 MB", HEAD + b"X: " + b"a" * 2**20 + b"\r\n\r\n", (400, 431)),
    Wrong("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    Wrong("nothing", request(b"")),
    Wrong(
        "half of some JSON",
        text('{"prompt": "a'),
    ),
    Wrong("a list", text("[]")),
    Wrong("a number", text("1e400")),
    Wrong("no UTF-8", request(b'{"prompt": "\xff\xfe"}')),
    Wrong("half a surrogate", text('{"prompt": "\\ud800"}')),
    Wrong("10,000 brackets", text("[" * 10_000)),
    Wrong("10,000 nested objects", text('{"a":' * 10_000 + "1" + "}" * 10_000)),
    Wrong("no prompt", text("{}")),
    Wrong("an empty prompt", text('{"prompt": ""}')),
    Wrong("token ids beyond the vocabulary", text('{"prompt": [2000000000]}')),
    Wrong("token ids that are half numbers", text('{"prompt": [1.5]}')),
    Wrong("max_tokens of 10^30", text('{"prompt": "a", "max_tokens": 1' + "0" * 30 + "}")),
    Wrong("temperature NaN", text('{"prompt": "a", "temperature": NaN}')),
    Wrong("more than the model has room for", text('{"prompt": "a", "max_tokens": 100000}')),
    Wrong("a schema of nothing known", text('{"prompt": "a", "response_format": {"type": "xml"}}')),
    Wrong("a field that isn't served", text('{"prompt": "a", "logit_bias": {"1": 2}}')),
    Wrong(
        "another type of content", request(b"{}", headers={"Content-Type": "text/plain"}), (415,)
    ),
    Wrong("no type of content", request(b"{}", headers={}), (415,)),
    Wrong("a method that isn't served", request(b"{}", method="DELETE"), (405,)),
    Wrong("a path that isn't served", request(b"{}", path="/v1/nothing"), (404,)),
    Wrong("a path with %00 and %ff", request(b"{}", path="/v1/models/%00%ff"), (404, 405)),
    Wrong("a host that is none", request(b"", "GET", "/none", {"Host": "["}), (404,)),
)

NAMES = (
    "nobody",
    "SQL",
    "sql ",
    "../sql",
    "sql/../verse",
    "tiny:sql",
    "\0",
    "",
    "'; --",
    "é" * 400,
)
PATHS = (COMPLETIONS, "/v1/chat/completions", "/tokenize", "/detokenize")


async def bodies(server: Process, regulars: Regulars) -> AsyncIterator[Line]:
    """All of them, one after the other, beside clients who ask as they should."""
    async with regulars.asking(4) as found:
        for each in BODIES:
            answer = await ask(server.at, each.sent)
            yield Line("bodies", each.what, *judged(answer, each.statuses))
    yield regular("bodies", found)


async def unknown(server: Process, regulars: Regulars) -> AsyncIterator[Line]:
    """Names of nobody: 404, and never the base's answer."""
    fields = {"messages": [{"role": "user", "content": "a"}], "tokens": [5]}
    async with regulars.asking(4) as found:
        for path in PATHS:
            extra = {key: fields[key] for key in fields if (key == "tokens") == ("detok" in path)}
            body = {"prompt": "a", **extra}
            answers = await asyncio.gather(
                *(ask(server.at, request({**body, "model": name}, path=path)) for name in NAMES)
            )
            bad = [
                f"{name!r}: {judged(each, (404,))[0]}"
                for name, each in zip(NAMES, answers, strict=True)
                if not judged(each, (404,))[1]
            ]
            yield Line(
                "unknown", f"{len(NAMES)} names of nobody, {path}", "; ".join(bad) or "404", not bad
            )
        long = await ask(server.at, request(question("a" * 1025)))
        yield Line("unknown", "a name of 1,025 letters", *judged(long, (400, 404)))
        surrogate = await ask(
            server.at, request(b'{"model": "\\udc80", "prompt": "a"}', headers=JSON)
        )
        yield Line("unknown", "a name that is half a surrogate", *judged(surrogate, (400, 404)))
    yield regular("unknown", found)


def judged(answer: Answer, statuses: tuple[int | None, ...]) -> tuple[str, bool]:
    """The status, and whether it is one of these, told as all errors are."""
    shaped = answer.status is None or answer.error is not None
    says = "" if shaped else f", not in the form of errors: {answer.body[:60]!r}"
    return f"{answer.status or 'closed'}{says}", answer.status in statuses and shaped
