"""What is known of a request when it is over, and the id by which its client finds it."""

import re
from datetime import UTC, datetime
from time import perf_counter
from typing import Any
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.serve.access_log import AccessLog
from pipeline.serve.keys import ANYBODY

ID = re.compile(r"[!-~]{1,128}")
"""Of a request, if its client brings one: no space, nothing that isn't printable."""
LONGEST_PATH = 256
"""Characters of a path that are kept."""
GONE = 499
"""Status of a request whose client went away before its answer, as nginx has it."""


class RequestLog:
    """Sends `x-request-id` back, or makes one up; writes a line at the end."""

    def __init__(self, app: ASGIApp, log: AccessLog) -> None:
        self._app, self._log = app, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        brought = Headers(scope=scope).get("x-request-id", "")
        id_ = brought if ID.fullmatch(brought) else uuid4().hex
        began, at, status = perf_counter(), datetime.now(UTC), GONE

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = id_
            await send(message)

        try:
            await self._app(scope, receive, tell)
        except ClientDisconnect:
            pass  # In the middle of its body: nobody is there to be told anything.
        except Exception:
            status = 500
            raise
        finally:
            if self._log.is_on:
                line = {"time": at.isoformat(timespec="milliseconds"), "request_id": id_}
                self._log.write({**line, **_of(scope, status), **_times(scope, began)})


def _of(scope: Scope, status: int) -> dict[str, Any]:
    """Who asked for what, and what it came to."""
    caller, client = scope.get("caller", ANYBODY), scope.get("client")
    told = {
        "key": caller.name,
        "client": client[0] if client else None,
        "method": scope["method"],
        "path": scope["path"][:LONGEST_PATH],
        "status": status,
    }
    if (generation := scope.get("generation")) is None:
        return told
    usage = generation.usage()
    return told | {
        "model": generation.model,
        "prompt_tokens": usage["prompt_tokens"],
        "completion_tokens": usage["completion_tokens"],
        "finish_reasons": generation.ends,
    }


def _times(scope: Scope, began: float) -> dict[str, float | None]:
    """Seconds: in all, and of its first answer in the engine."""
    times: dict[str, float | None] = {"seconds": round(perf_counter() - began, 6)}
    generation = scope.get("generation")
    progress = generation.progress[0] if generation and generation.progress else None
    if progress is not None:
        for name, stamp in (("queue_s", progress.admitted), ("ttft_s", progress.first)):
            times[name] = None if stamp is None else round(stamp - progress.submitted, 6)
    return times
