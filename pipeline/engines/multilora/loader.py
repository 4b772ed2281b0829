"""The thread that loads adapters while others decode."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

NICENESS = 10
"""Steps below the threads that compute: it gets a tenth of a busy core, and all of an idle one."""


def background_loader() -> ThreadPoolExecutor:
    """One thread that gives way to those that compute."""
    return ThreadPoolExecutor(1, "adapter-loader", initializer=_give_way)


def _give_way() -> None:
    if sys.platform == "linux":  # Elsewhere the whole process would give way.
        os.nice(NICENESS)
