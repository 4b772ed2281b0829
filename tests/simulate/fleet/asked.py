"""What was asked of replicas on Ray, and what came of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.adapters.source import AdapterSource
from pipeline.config.load import built
from pipeline.files.documents import read_json, write_json
from pipeline.models.source import ModelSource
from pipeline.simulate.demand import Demand, of_rows
from pipeline.tracking.run_directory import RunDirectory
from tests.simulate.fleet.figures import Figures, figures_of

LATE_S = 1.0
GAP_S = 2.0
"""Seconds that a request may be sent late, and that its tokens may be apart, at most.

Where it is more, the machine was too busy to show anything.
"""


@dataclass(frozen=True)
class Asked:
    """A run of a load generator.

    Attributes:
        rows: its requests, in order of arrival: `arrives`, `adapter`, `prompt`, `output` and the
            stamps `first` and `finished`, seconds since the first one was due.
        ranks: of the adapters, in the order of their numbers.
        hit_rate: share of the requests that found their adapter in memory.
        requests: how many each replica got.
    """

    rows: Sequence[dict[str, float]]
    ranks: Sequence[int]
    hit_rate: float
    requests: Sequence[float]

    @property
    def demand(self) -> Demand:
        """The requests, when they were due."""
        return of_rows(self.rows)

    @property
    def figures(self) -> Figures:
        """Measured."""
        busiest = max(self.requests) * len(self.requests) / sum(self.requests)
        first, finished = (self._stamps(name) for name in ("first", "finished"))
        return figures_of(self.demand, first, finished, self.hit_rate, busiest)

    def _stamps(self, name: str) -> NDArray[np.float64]:
        return np.array([row[name] for row in self.rows])

    @classmethod
    def of(cls, run: RunDirectory, hit_rate: float, requests: Sequence[float]) -> "Asked":
        """What a run made.

        Raises:
            RuntimeError: a request failed, or the machine was too busy to ask in time.
        """
        records = sorted(run.requests(), key=lambda each: each.scheduled)
        if failed := [each.error for each in records if each.error]:
            raise RuntimeError(f"{len(failed)} requests failed: {failed[0]}")
        late = max(each.submitted - each.scheduled for each in records)
        gap = max(max(np.diff(each.tokens), default=0.0) for each in records)
        if late > LATE_S or gap > GAP_S:
            raise RuntimeError(
                f"the machine is too busy: requests were sent up to {late:.1f} s late, and tokens "
                f"came up to {gap:.1f} s apart"
            )
        values = run.config()
        model, source = built(values["model"]), built(values["adapters"])
        assert isinstance(model, ModelSource) and isinstance(source, AdapterSource)
        adapters = source.preview(model.preview().config)
        places = {each.name: place for place, each in enumerate(adapters)}
        start = records[0].scheduled
        rows = [
            {
                "arrives": each.scheduled - start,
                "adapter": places[each.adapter or ""],
                "prompt": each.prompt_tokens,
                "output": len(each.output_ids),
                "first": each.tokens[0] - start,
                "finished": each.finished - start,
            }
            for each in records
        ]
        return cls(rows, [each.lora.max_rank for each in adapters], hit_rate, requests)


def kept(path: Path, circumstances: Any, ask: Callable[[], Asked]) -> Asked:
    """What the file has, else what is asked now and put there.

    Args:
        path: of the file.
        circumstances: JSON, in which it is asked.
        ask: does it.

    Raises:
        RuntimeError: the file is of other circumstances.
    """
    if path.exists():
        found = read_json(path)
        if found.pop("circumstances") != circumstances:
            raise RuntimeError(f"{path}: was asked with other options; name another --out")
        return Asked(**found)
    asked = ask()
    write_json(path, {"circumstances": circumstances, **vars(asked)})
    return asked
