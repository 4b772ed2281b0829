"""Many calls of a function, each in a process of its own, so many of them at a time."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from typing import Any

from pipeline.process.child import Child


def in_children(
    function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], most: int
) -> Iterator[Any]:
    """What each call returned, in their order, as soon as it is known; what one raised is raised.

    Args:
        function: found by its module and name, as pickle has it.
        calls: the arguments of each.
        most: processes at a time. They end when the caller stops asking.

    Raises:
        Died: a process ended without an answer.
    """
    waiting, running = iter(calls), deque[Child]()
    with ExitStack() as ends:
        for call in islice(waiting, most):
            running.append(ends.enter_context(Child(function, *call)))
        while running:
            value = running.popleft().result()
            for call in islice(waiting, 1):
                running.append(ends.enter_context(Child(function, *call)))
            yield value
