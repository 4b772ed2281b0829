"""A port for a server that is told its number and listens much later, such as once it has loaded.

A port that the system gives away may be given to somebody else by then. So this is one of those
below, which nobody has who doesn't ask for it by its number.
"""

import socket
from pathlib import Path
from random import SystemRandom

from pipeline.machine.kernel_file import text

GIVEN = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""From which the system gives ports to whoever asks for any, the first and the last (Linux)."""
WIDTH = 16_384
"""Ports below that range of which one is drawn."""
TRIES = 100


def free_port(host: str = "127.0.0.1", given: Path = GIVEN) -> int:
    """A port of this machine at which nobody listens.

    Args:
        host: the address to listen at.
        given: the range that is the system's; where it can't be read, or leaves too little room,
            the port is of the system's choice after all.
    """
    first = int((text(given) or "0").split()[0])
    draw = SystemRandom()
    for _ in range(TRIES if first >= 2 * WIDTH else 0):
        port = draw.randrange(first - WIDTH, first)
        if _is_free(host, port):
            return port
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
