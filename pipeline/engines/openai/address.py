"""Where a server is, and the key by which it knows who asks."""

import os
from urllib.parse import urlsplit

from pipeline.errors import UsageError, shown


def check_address(base_url: str) -> None:
    """Refuse what is no server's address, and one with a password in it.

    Raises:
        UsageError: saying why; a password is no part of the message.
    """
    try:
        parts = urlsplit(base_url)
        sound = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        sound = False
    if not sound or parts.query or parts.fragment:
        raise UsageError(
            f"engine.base_url={shown(_keyless(base_url))}: isn't the address of a "
            "server, such as http://127.0.0.1:8000"
        )
    if parts.username or parts.password:
        raise UsageError(
            "engine.base_url: holds a password, which every record of the run would repeat; "
            "put the key into a variable and name that by engine.api_key_env=…"
        )


def key_header(variable: str) -> dict[str, str]:
    """The header by which requests say the key that a variable of the environment holds.

    Raises:
        UsageError: it isn't there, or can't be one.
    """
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UsageError(f"engine.api_key_env={variable}: no such variable is set")
    if not (key.isascii() and key.isprintable()):
        raise UsageError(f"engine.api_key_env={variable}: holds what can't stand in a header")
    return {"authorization": f"Bearer {key}"}


def _keyless(address: str) -> str:
    """An address without what stands before the host, which may be a password."""
    scheme, separator, rest = address.partition("//")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
