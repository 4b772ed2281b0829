"""This process as a driver of a Ray cluster that runs."""

import logging
import signal

from pipeline.errors import UsageError, in_a_line


def connect(address: str, section: str) -> None:
    """Connect to a cluster, unless that was done.

    Args:
        address: of its head, `host:port`; `auto` finds the one this machine is a node of.
        section: of the configuration, whose `address` it is.

    Raises:
        UsageError: there is none.
    """
    import ray

    if ray.is_initialized():
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        why = in_a_line(error)[:200]
        raise UsageError(
            f"{section}.address={address}: no Ray cluster there ({why}); "
            "`ray start --head` starts one, `ray start --address=HEAD:6379` adds a node"
        ) from error
    finally:
        signal.signal(signal.SIGTERM, handler)
