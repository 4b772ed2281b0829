"""A request as it is passed on to a replica: what ASGI knows of it, as plain values."""

import json
from dataclasses import dataclass
from typing import Any

from starlette.types import Scope

from pipeline.serve.keys import ANYBODY, Caller

PLAIN = (
    *("type", "http_version", "method", "scheme", "path", "raw_path", "query_string"),
    *("root_path", "headers", "client", "server"),
)
"""Of ASGI's scope, what another process can read."""


@dataclass(frozen=True, slots=True)
class PassedRequest:
    """Whole, body included.

    Attributes:
        scope: ASGI's.
        body: all of it.
        caller: who asks, by the key that has been checked.
    """

    scope: dict[str, Any]
    body: bytes
    caller: Caller

    @classmethod
    def of(cls, scope: Scope, body: bytes) -> "PassedRequest":
        """What a server got."""
        plain = {name: scope[name] for name in PLAIN if name in scope}
        return cls(plain, body, scope.get("caller", ANYBODY))

    @property
    def model(self) -> str | None:
        """Whom it is for; None where it doesn't say, or is no JSON, of which it will be told."""
        try:
            said = json.loads(self.body) if self.body else None
        except (ValueError, RecursionError):
            return None
        model = said.get("model") if isinstance(said, dict) else None
        return model if isinstance(model, str) else None
