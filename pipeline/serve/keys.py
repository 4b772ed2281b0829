"""API keys: who asks, and which adapters they may name."""

import hmac
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from pipeline.errors import UsageError, shown
from pipeline.models.files import read_object

SHORTEST = 16
"""Characters of a key, so that nobody comes upon one by trying."""
SAY = 'write {"NAME": {"key": "…", "adapters": ["…"]}}, adapters left out for all'


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever a key belongs to.

    Attributes:
        name: of the key, for the log.
        models: names that it may ask for, the base model's too; None for all.
    """

    name: str
    models: frozenset[str] | None = None

    def may_ask(self, model: str) -> bool:
        """Whether it may name that model."""
        return self.models is None or model in self.models


ANYBODY = Caller("-")
"""Where no key is asked for."""

CALLER: ContextVar[Caller] = ContextVar("caller", default=ANYBODY)
"""Of the request that is being answered."""


@dataclass(frozen=True)
class Keys:
    """All keys of a server, by the hashes of them: neither compared nor kept as they are.

    Attributes:
        callers: by SHA-256 of their keys.
    """

    callers: Mapping[bytes, Caller] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Those in a JSON file: an object of keys by their names.

        Raises:
            UsageError: it isn't one; no key is part of the message.
        """
        callers: dict[bytes, Caller] = {}
        for name, said in read_object(path, SAY).items():
            key, caller = _entry(path, name, said)
            if callers.setdefault(digest := sha256(key.encode()).digest(), caller) is not caller:
                raise UsageError(
                    f"{path}: {shown(name)} and {shown(callers[digest].name)} have one key"
                )
        if not callers:
            raise UsageError(f"{path}: no key; {SAY}")
        return cls(callers)

    def caller(self, authorization: str | None) -> Caller | None:
        """Who sent that header; None where no key of ours is in it.

        Every key is compared, and each in a time that doesn't depend on how much of it is right.
        """
        scheme, _, key = (authorization or "").partition(" ")
        digest = sha256(key.strip().encode("utf-8", "surrogateescape")).digest()
        found = None
        for known, caller in self.callers.items():
            if hmac.compare_digest(known, digest):
                found = caller
        return found if scheme.lower() == "bearer" else None


def _entry(path: Path, name: str, said: Any) -> tuple[str, Caller]:
    entry = {"key": said} if isinstance(said, str) else said
    if not isinstance(entry, dict) or {*entry} - {"key", "adapters"}:
        raise UsageError(f"{path}: {shown(name)} is no key; {SAY}")
    key, models = entry.get("key"), entry.get("adapters")
    if not isinstance(key, str) or len(key) < SHORTEST or not key.isascii() or " " in key:
        raise UsageError(
            f"{path}: the key of {shown(name)} must be text of at least {SHORTEST} ASCII "
            "characters without spaces"
        )
    named = isinstance(models, list) and all(isinstance(each, str) for each in models)
    if models is not None and not named:
        raise UsageError(f"{path}: the adapters of {shown(name)} must be a list of names")
    return key, Caller(name, None if models is None else frozenset(models))
