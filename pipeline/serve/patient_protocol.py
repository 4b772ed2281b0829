"""A connection on which no whole head of a request comes in time is closed."""

import asyncio
import json
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from pipeline.serve.errors import ApiError


class PatientProtocol(H11Protocol):
    """Uvicorn's, which would wait for ever for what a client has begun to say, or hasn't.

    Between requests uvicorn's own limit counts, and for a body `BodyLimit`'s.

    Attributes:
        seconds: from its first moment, or the first byte of a further request, to a whole head.
    """

    seconds: ClassVar[float]

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._waits: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See uvicorn's."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """See uvicorn's."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._wait()
        else:
            self._wait_no_more()

    def send_400_response(self, msg: str) -> None:
        """What has come isn't HTTP; told in the form of all errors, but into no other answer."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            body = json.dumps(ApiError(msg).body()).encode()
            self.transport.write(
                b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)
            )
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """See uvicorn's."""
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._waits is None:
            self._waits = self.loop.call_later(self.seconds, self.transport.close)

    def _wait_no_more(self) -> None:
        if self._waits is not None:
            self._waits.cancel()
            self._waits = None


def patient(seconds: float) -> type[PatientProtocol]:
    """The protocol with that limit, for uvicorn, which makes one for each connection."""
    return type("Patient", (PatientProtocol,), {"seconds": seconds})
