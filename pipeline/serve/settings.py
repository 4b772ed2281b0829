"""Settings of the `serve` section."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveFloat
from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings import STRICT

VARIABLE = "VLLM_ALLOW_RUNTIME_LORA_UPDATING"
"""Of the environment, by which vLLM is told that adapters may come and go."""

LOCAL = ("127.0.0.1", "::1", "localhost")
"""Addresses that this machine alone can reach."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class ServeSettings:
    """How an engine is served.

    Attributes:
        host: address that it listens on.
        port: its port; 0 takes a free one.
        name: by which clients call the base model; None takes the model's own.
        chat_template: a file with a Jinja template, for the base and all adapters that have none of
            their own; None takes the checkpoint's.
        drain_seconds: that answers may still take once the server is told to stop.
        allow_runtime_adapters: whether clients may load and unload adapters; vLLM's environment
            variable says the same.
        adapter_root: folder in whose tree adapters must lie that come while the server runs; None
            where none may.
        resolve: whether a name that nobody has loaded is looked for there, as a folder.
        keys: a JSON file of API keys, as `pipeline.serve.keys` reads it; None asks for none.
        max_body_bytes: of a request.
        read_seconds: that a request's head may take to come, and then its body.
        max_waiting: requests that may wait for the engine.
        max_per_adapter: requests for one adapter that may be open; None for no limit.
        max_connections: that may be open; further requests are told to come again.
        access_log: file to which a line of JSON is added for every request; `-` is the standard
            output, None is nowhere.
        metrics_adapters: adapters with series of their own in `/metrics`; the others have one
            together.
    """

    host: Annotated[str, Field(min_length=1, max_length=255)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    name: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    chat_template: Path | None = None
    drain_seconds: Annotated[PositiveFloat, Field(le=86_400)] = 30.0
    allow_runtime_adapters: bool = False
    adapter_root: Path | None = None
    resolve: bool = False
    keys: Path | None = None
    max_body_bytes: Annotated[int, Field(ge=1024, le=2**31)] = 16 * 2**20
    read_seconds: Annotated[PositiveFloat, Field(le=86_400)] = 30.0
    max_waiting: Annotated[int, Field(ge=1, le=10**6)] = 1024
    max_per_adapter: Annotated[int, Field(ge=1, le=10**6)] | None = None
    max_connections: Annotated[int, Field(ge=1, le=10**6)] = 4096
    access_log: Path | None = None
    metrics_adapters: Annotated[int, Field(ge=0, le=10_000)] = 100

    def __post_init__(self) -> None:
        if self.host not in LOCAL and self.keys is None:
            raise UsageError(
                f"serve.host={self.host}: other machines can reach it, which needs an API key; "
                f"use {LOCAL[0]}, or name a file of keys by serve.keys=FILE"
            )
        asks = "serve.resolve=true" if self.resolve else "serve.allow_runtime_adapters=true"
        if (self.resolve or self.loads) and self.adapter_root is None:
            raise UsageError(f"{asks}: say where adapters may lie, by serve.adapter_root=FOLDER")
        if self.adapter_root is not None and not self.adapter_root.is_dir():
            raise UsageError(f"serve.adapter_root={self.adapter_root}: no such folder")

    @property
    def loads(self) -> bool:
        """Whether clients may load and unload adapters, by whichever way that was said."""
        said = os.environ.get(VARIABLE, "").strip().lower()
        return self.allow_runtime_adapters or said in ("1", "true")
