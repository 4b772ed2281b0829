"""A job's inputs and other places on the machine it was sent to.

What lies below the sender's project is looked for below this machine's, all else at the same path.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.launch.inputs.arrival import receive
from pipeline.launch.inputs.finding import absent, found, put
from pipeline.launch.inputs.job_input import JobInput
from pipeline.launch.inputs.listing import Keys
from pipeline.launch.inputs.store import InputStore
from pipeline.launch.program import check_same
from pipeline.launch.remote_order import Order
from pipeline.launch.storage import settle_caches
from pipeline.places import PACKAGE, ROOT


def lacking(order: Order) -> list[str]:
    """SHA-256 of the contents that are to be brought to this machine before the job can run.

    Raises:
        UsageError: it can't run here, for the program is another.
    """
    check_same(order["code"])
    return absent([(each, place) for _, each, place in _inputs(order)], _store(_values(order)))


def take_in(order: Order, sha256: str, arriving: Iterable[bytes]) -> None:
    """Keep a content that was lacking, of which the pieces arrive.

    Raises:
        UsageError: they make another content, or there is no room for it.
    """
    receive(sha256, arriving, _store(_values(order)))


def values_here(order: Order) -> dict[str, Any]:
    """The job's configuration, with places of this machine.

    Raises:
        UsageError: an input is neither at its place nor in the store.
    """
    values = _values(order)
    store = _store(values)
    for keys, wanted, place in _inputs(order):
        values = put(values, keys, found(wanted, place, store))
    return values


def here(values: Any, order: Order) -> Any:
    """The same, whose paths below the sender's project or program are below this machine's."""
    if isinstance(values, Mapping):
        return {key: here(value, order) for key, value in values.items()}
    if isinstance(values, list):
        return [here(value, order) for value in values]
    if isinstance(values, str):
        for theirs, ours in ((order["package"], PACKAGE), (order["root"], ROOT)):
            if f"{values}/".startswith(f"{theirs}/"):
                return f"{ours}{values[len(theirs) :]}"
    return values


def _inputs(order: Order) -> list[tuple[Keys, JobInput, Path]]:
    """Where the setting of each stands, what it is, and its place if this machine has it there."""
    inputs = [(keys, JobInput(**each)) for keys, each in order["inputs"]]
    return [(keys, each, Path(here(each.place, order))) for keys, each in inputs]


def _values(order: Order) -> dict[str, Any]:
    values: dict[str, Any] = here(order["values"], order)
    settle_caches(Path(values["paths"]["cache"]))
    return values


def _store(values: Mapping[str, Any]) -> InputStore:
    return InputStore(Path(values["paths"]["cache"]).absolute() / "inputs")
