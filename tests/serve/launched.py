"""A server as a process of its own, and what it says of the requests that it answered."""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep

import httpx2
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from pipeline.machine.process_tree import TreeUsage, tree_usage
from pipeline.process.guarded import GuardedCommand

READY_S = LOGGED_S = 600
"""Seconds in which a server must be ready, and in which a line of its log must be written."""
PROGRAM = ("-m", "pipeline.serve")
REPLICA = "replica"
"""The label of each replica's series, where there are several."""
ASKED = ("/v1/completions", "/v1/chat/completions")


@dataclass(frozen=True)
class LoggedRequest:
    """A line of the access log.

    Attributes:
        began: when it came, seconds since 1970.
        seconds: until all of its answer was handed to the network.
        model: whom it was for.
        tokens: of its answer.
        ttft_s: until the engine had its first token; None where there was none.
        status: of the answer.
    """

    began: float
    seconds: float
    model: str
    tokens: int
    ttft_s: float | None
    status: int


class Launched:
    """A server that runs.

    Attributes:
        url: of its root.
        guard: number of the process whose end is the server's.
    """

    def __init__(self, url: str, guard: int, log: Path) -> None:
        self.url, self.guard, self._log = url, guard, log

    @property
    def usage(self) -> TreeUsage:
        """What it takes, with its children."""
        return tree_usage(self.guard)

    def models(self) -> list[dict[str, str]]:
        """What it serves, the base first."""
        return list(httpx2.get(f"{self.url}/v1/models", timeout=600).json()["data"])

    def metrics(self) -> Counter[str]:
        """Its counters, sums and counts, over all labels."""
        found: Counter[str] = Counter()
        for sample in self._samples():
            found[sample.name] += sample.value
        return found

    def by_replica(self, name: str) -> list[float]:
        """A counter of each replica behind it, over all other labels."""
        found: Counter[str] = Counter()
        for sample in self._samples():
            if sample.name == name:
                found[sample.labels.get(REPLICA, "")] += sample.value
        return [*found.values()]

    def _samples(self) -> Iterator[Sample]:
        text = httpx2.get(f"{self.url}/metrics", timeout=600).text
        for family in text_string_to_metric_families(text):
            yield from family.samples

    def logged(self) -> list[LoggedRequest]:
        """The questions that it has answered, in the order of their ends."""
        lines = map(json.loads, self._log.read_text("utf-8").splitlines())
        return [_read(line) for line in lines if line["path"] in ASKED]

    def logged_since(self, known: int, count: int) -> list[LoggedRequest]:
        """The same after so many, once there are so many more: they are written behind answers."""
        until = monotonic() + LOGGED_S
        while len(found := self.logged()[known:]) < count and monotonic() < until:
            sleep(0.1)
        return found


@contextmanager
def launched(
    folder: Path, overrides: Sequence[str], program: Sequence[str] = PROGRAM
) -> Iterator[Launched]:
    """`python -m pipeline.serve` with a log of its requests; it ends with the block.

    Args:
        folder: for what it writes.
        overrides: of its configuration.
        program: Python's own arguments, another server's for instance.
    """
    output, log = folder / "server.txt", folder / "access.jsonl"
    own = ("serve.port=0", f"serve.access_log='{log}'")
    command = [sys.executable, *program, *overrides, *own]
    with GuardedCommand(command, output) as server:
        until = monotonic() + READY_S
        while not (said := re.search(r"(http://\S+)/v1\s", output.read_text("utf-8"))):
            if server.poll() is not None or monotonic() > until:
                raise RuntimeError(f"the server didn't start: {output.read_text('utf-8')[-500:]}")
            sleep(0.1)
        yield Launched(said[1], server.guard, log)


def _read(line: dict[str, object]) -> LoggedRequest:
    return LoggedRequest(
        datetime.fromisoformat(str(line["time"])).timestamp(),
        float(str(line["seconds"])),
        str(line.get("model")),
        int(str(line.get("completion_tokens", 0))),
        None if line.get("ttft_s") is None else float(str(line["ttft_s"])),
        int(str(line["status"])),
    )
