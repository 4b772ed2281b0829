"""Where adapters are loaded: behind the decoding, or in the step that needs them."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

NICENESS = 10
"""Steps below the threads that compute: it gets a tenth of a busy core, and all of an idle one."""


def background_loader() -> ThreadPoolExecutor:
    """One thread that gives way to those that compute, for a library that two threads may use."""
    return ThreadPoolExecutor(1, "adapter-loader", initializer=_give_way)


class StepLoader(Executor):
    """Loads at once, on the thread that asks: for a library that one thread alone may use."""

    def submit(self, fn: Callable[P, R], /, *arguments: P.args, **named: P.kwargs) -> Future[R]:
        """What it has come to, already."""
        future: Future[R] = Future()
        try:
            future.set_result(fn(*arguments, **named))
        except Exception as error:
            future.set_exception(error)
        return future


def _give_way() -> None:
    if sys.platform == "linux":  # Elsewhere the whole process would give way.
        os.nice(NICENESS)
