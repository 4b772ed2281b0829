"""A client over bare sockets: it can misbehave, and it sees whether an answer came whole."""

import asyncio
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COMPLETIONS = "/v1/completions"
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Address:
    """Where a server listens on this machine."""

    port: int
    host: str = "127.0.0.1"


@dataclass(frozen=True)
class Answer:
    """What came until the server closed.

    Attributes:
        status: HTTP's; None where no whole head came.
        headers: by names in small letters.
        body: without chunks' sizes.
        whole: whether it came to its own end.
    """

    status: int | None
    headers: Mapping[str, str]
    body: bytes
    whole: bool

    @property
    def events(self) -> list[str]:
        """Of a stream."""
        lines = self.body.decode(errors="replace").split("\n\n")
        return [line.removeprefix("data: ") for line in lines if line]

    @property
    def error(self) -> dict[str, Any] | None:
        """OpenAI's object; None where there is none."""
        text = self.body.decode(errors="replace")
        if self.status == 200:
            text = next((each for each in self.events if each.startswith('{"error"')), "")
        try:
            error = json.loads(text)["error"]
        except (ValueError, KeyError, TypeError):
            return None
        return error if {*error} == {"message", "type", "param", "code"} else None

    @property
    def text(self) -> str | None:
        """Of the first choice, put together; None where it isn't a whole answer."""
        if self.status != 200 or not self.whole or self.error is not None:
            return None
        if not self.headers.get("content-type", "").startswith("text/event-stream"):
            return str(json.loads(self.body)["choices"][0]["text"])
        if self.events[-1:] != ["[DONE]"]:
            return None
        return "".join(
            choice["text"]
            for event in self.events[:-1]
            for choice in json.loads(event)["choices"]
            if choice["index"] == 0
        )


def request(
    body: bytes | Mapping[str, Any] = b"",
    method: str = "POST",
    path: str = COMPLETIONS,
    headers: Mapping[str, str] = JSON,
) -> bytes:
    """A whole request, on a connection of its own."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    length = {"Content-Length": str(len(content))} if content or method == "POST" else {}
    told = {"Host": "x", "Connection": "close", **length, **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + content


async def ask(
    at: Address, sent: bytes, *, pause_s: float = 0.0, taken: int = 2**16, room: int | None = None
) -> Answer:
    """Send something, and read what comes until the server closes.

    Args:
        at: where.
        sent: bytes as they go out.
        pause_s: before the first byte of the answer is read, and between all further.
        taken: bytes that are read at once.
        room: bytes that the kernel holds of what isn't read yet; None leaves that to it.
    """
    own = socket.socket()
    if room is not None:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    own.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(own, (at.host, at.port))
    except OSError:
        own.close()
        raise
    reader, writer = await asyncio.open_connection(sock=own, limit=2**14)
    came = b""
    try:
        writer.write(sent)
        await asyncio.sleep(pause_s)
        while piece := await reader.read(taken):
            came += piece
            if pause_s and len(came) < 40 * taken:
                await asyncio.sleep(pause_s)
    except ConnectionError:
        pass
    finally:
        writer.close()
    return read(came)


def read(came: bytes) -> Answer:
    """What the bytes of a connection say."""
    head, found, rest = came.partition(b"\r\n\r\n")
    if not found:
        return Answer(None, {}, came, whole=False)
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(": ") for line in lines)
    headers = {name.lower(): value for name, _, value in pairs}
    status = int(first.split()[1])
    if headers.get("transfer-encoding") != "chunked":
        length = int(headers.get("content-length", len(rest)))
        return Answer(status, headers, rest, len(rest) == length)
    body, whole = b"", False
    while rest and not whole:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size or b"0", 16)
        whole = length == 0 and rest == b"\r\n"
        body, rest = body + rest[:length], rest[length + 2 :]
    return Answer(status, headers, body, whole)
