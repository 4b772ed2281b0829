"""Settings of the `serve` section."""

from typing import Annotated

from pydantic import Field, PositiveFloat
from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings import STRICT

LOCAL = ("127.0.0.1", "::1", "localhost")
"""Addresses that this machine alone can reach."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class ServeSettings:
    """How an engine is served.

    Attributes:
        host: address that it listens on.
        port: its port; 0 takes a free one.
        name: by which clients call the base model; None takes the model's own.
        drain_seconds: that answers may still take once the server is told to stop.
    """

    host: Annotated[str, Field(min_length=1, max_length=255)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    name: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    drain_seconds: Annotated[PositiveFloat, Field(le=86_400)] = 30.0

    def __post_init__(self) -> None:
        if self.host not in LOCAL:
            raise UsageError(
                f"serve.host={self.host}: other machines can reach it, which needs an API key; "
                f"use {LOCAL[0]}"
            )
