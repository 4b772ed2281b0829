"""What a run leaves behind before any number is computed: raw stamps and counts.

Stamps are `time.perf_counter` seconds, stored as read, so every aggregate can be recomputed.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.kv_counts import KvCounts
from pipeline.machine.contention import Contention


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One served request: a row of `requests.jsonl`.

    Attributes:
        id: the trace's request id.
        iteration: the measured iteration it was served in.
        adapter: adapter name, or None for the base model.
        prompt_tokens: length of the prompt in tokens.
        scheduled: when the workload says it arrives.
        submitted: when the engine accepted it.
        lag: `submitted - scheduled` beyond what the engine's own busy step explains, seconds.
        admitted: when the engine began to work on it; None if it never did.
        tokens: one stamp an output token.
        finished: when its last token, or its error, was available.
        output_ids: the generated token ids.
        text: the output as text; None when the workload replays ids alone.
        error: what went wrong, in one line; None when nothing did.
        tenant: who asked; None where nobody is told apart.
        run_in: whether it belongs to the run-in, and so to no aggregate.
    """

    id: int
    iteration: int
    adapter: str | None
    prompt_tokens: int
    scheduled: float
    submitted: float
    lag: float
    admitted: float | None
    tokens: tuple[float, ...]
    finished: float
    output_ids: tuple[int, ...]
    text: str | None = None
    error: str | None = None
    tenant: str | None = None
    run_in: bool = False

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Self:
        """The record that `to_json` wrote."""
        values = dict(row)
        return cls(
            **values | {key: tuple(values[key]) for key in ("tokens", "output_ids")},
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON object of plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Iteration:
    """One measured stretch (a closed batch, or a whole open run): a row of `iterations.jsonl`.

    Attributes:
        index: from 0.
        started: stamp at which its first request could be handed over.
        ended: stamp at which nothing was left to do.
        stage_seconds: seconds by stage; the values add up to `ended - started`.
        adapters: residency counts of this stretch; None where the engine can't tell.
        cpu_seconds: CPU time the engine's process used, user and system.
        harness_seconds: wall time of the measuring loop itself: neither in a call of the engine
            nor waiting for an arrival.
        run_in: whether it is the run-in, or a part of it. An open run is then parted in two where
            the first request is handed over that doesn't belong to the run-in.
        contention: what others took of the processors; None in rows of before it was recorded.
        kv: what was found of prompts, and who was preempted; None where the engine does neither.
        outside_cpu_seconds: CPU time of what computes for the engine beside its process; None where
            nobody can tell, as of a server that somebody else started.
    """

    index: int
    started: float
    ended: float
    stage_seconds: Mapping[str, float]
    adapters: AdapterCounts | None
    cpu_seconds: float
    harness_seconds: float = 0.0
    run_in: bool = False
    contention: Contention | None = None
    kv: KvCounts | None = None
    outside_cpu_seconds: float | None = 0.0

    @property
    def wall_s(self) -> float:
        """Seconds from start to end."""
        return self.ended - self.started

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Self:
        """The iteration that `to_json` wrote."""
        shared, counted, came = row.get("contention"), row.get("kv"), row["adapters"]
        contention = None if shared is None else Contention(**shared)
        adapters = None if came is None else AdapterCounts(**came)
        kv = None if counted is None else KvCounts(**counted)
        return cls(**dict(row) | {"adapters": adapters, "contention": contention, "kv": kv})

    def to_json(self) -> dict[str, Any]:
        """A JSON object of plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Timeline:
    """Everything measured in one run; every number of METRICS.md is a function of it.

    Attributes:
        requests: in the order they finished.
        iterations: in the order they ran.
        load_s: seconds to build the engine; never inside the measured time.
        warmup_s: seconds of warm-up; never inside the measured time.
        peak_rss_bytes: highest resident set of the engine's process, load included.
        threads: compute threads the engine was given.
        outside_peak_bytes: most resident memory of what computes for the engine beside its process;
            None where nobody can tell.
    """

    requests: tuple[RequestRecord, ...]
    iterations: tuple[Iteration, ...]
    load_s: float = 0.0
    warmup_s: float = 0.0
    peak_rss_bytes: int = 0
    threads: int = 1
    outside_peak_bytes: int | None = 0
    wall_s: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "wall_s", sum(each.wall_s for each in self.iterations))

    @property
    def outside_cpu_seconds(self) -> float | None:
        """CPU time beside the engine's process in all iterations; None where nobody can tell."""
        each = [iteration.outside_cpu_seconds for iteration in self.iterations]
        return None if None in each else sum(filter(None, each))

    def measured(self) -> "Timeline":
        """What counts: without the run-in's requests, and from its end on."""
        return replace(
            self,
            requests=tuple(each for each in self.requests if not each.run_in),
            iterations=tuple(each for each in self.iterations if not each.run_in),
        )
