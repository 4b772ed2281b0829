"""The machine as a whole: its identity, its operating system, its memory."""

import hmac
import platform
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.machine.kernel_file import text

MACHINE_ID = Path("/etc/machine-id")
APPLICATION = b"multi-lora-serving-laboratory"


def system() -> dict[str, Any]:
    """Host name, machine id, operating system, kernel and Python."""
    name = platform.system()
    with suppress(OSError):
        name = platform.freedesktop_os_release().get("PRETTY_NAME", name)
    return {
        "hostname": socket.gethostname(),
        "machine_id": machine_id(),
        "os": name,
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def machine_id(path: Path = MACHINE_ID) -> str | None:
    """Tells this installation from every other; None where it has no id.

    A keyed hash, as systemd's machine-id(5) asks for: the id itself is to stay on its machine.
    """
    own = text(path)
    return hmac.new(own.encode(), APPLICATION, "sha256").hexdigest()[:16] if own else None
