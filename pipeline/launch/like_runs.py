"""Are the runs of a search alike? It may have gone on later, elsewhere, or with other files.

What is found from all of them together would else be of nothing that there is.
"""

from collections.abc import Iterator, Sequence

from pipeline.compare.circumstances import FILES, differing
from pipeline.compare.labels import abridged
from pipeline.compare.machines import Machine
from pipeline.compare.run import Run


def parted(runs: Sequence[Run]) -> Iterator[str]:
    """Why what they say together means nothing, one line each."""
    if len({Machine.of(run).kind for run in runs}) > 1:
        hosts = dict.fromkeys(str(Machine.of(run).host or "?") for run in runs)
        yield f"its runs were made on machines of different kinds: {abridged([*hosts], ', ')}"
    for part in differing(runs).keys() & {*FILES}:
        yield f"its runs are not of the same files of the {part}: they were changed in between"


def doubted(runs: Sequence[Run]) -> Iterator[str]:
    """What else a reader should know of them."""
    found = {name: values for name, values in differing(runs).items() if name not in FILES}
    if found:
        told = "; ".join(f"{name} {abridged(values, ', ')}" for name, values in found.items())
        yield f"its runs were made under unlike circumstances: {told}"
