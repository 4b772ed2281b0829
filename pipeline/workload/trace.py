"""The trace: every request of a run, fixed before it starts, and its hash."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.files.documents import write_text
from pipeline.inference.sampling_params import SamplingParams
from pipeline.workload.arrivals.process import Slot
from pipeline.workload.popularity.law import Assignment
from pipeline.workload.prompts.source import Encode, Prompt
from pipeline.workload.prompts.text_reader import NO_OWN, TextReaders, tokenizer_of
from pipeline.workload.request import TraceRequest

FORMAT = 2
"""Of `trace.jsonl` and `trace.json`. Format 1 had no number, and hashed the requests alone."""


@dataclass(frozen=True)
class Trace:
    """Requests in order of arrival.

    Attributes:
        requests: all of them.
        max_in_flight: most requests in the engine at a time; None for no limit.
        laws: what it was drawn from: settings, seeds, the probability vector.
        notes: what a reader should know of it, a line each, such as what was left out.
    """

    requests: tuple[TraceRequest, ...]
    max_in_flight: int | None = None
    laws: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def jsonl(self) -> str:
        """One request a line, in ASCII; the same bytes on every machine."""
        return "".join(
            json.dumps(_row(each), sort_keys=True, allow_nan=False, separators=(",", ":")) + "\n"
            for each in self.requests
        )

    @property
    def sha256(self) -> str:
        """Hash of what is asked and when: runs are compared only when theirs are equal."""
        return digest(self.jsonl.encode(), self.max_in_flight)

    @property
    def work_sha256(self) -> str:
        """The same of what is asked and when, whichever adapters are to answer."""
        unnamed = (replace(each, adapter=None, tenant=None) for each in self.requests)
        return replace(self, requests=tuple(unnamed)).sha256

    @property
    def iterations(self) -> list[list[TraceRequest]]:
        """The requests by iteration."""
        by_iteration: dict[int, list[TraceRequest]] = {}
        for request in self.requests:
            by_iteration.setdefault(request.iteration, []).append(request)
        return list(by_iteration.values())

    @property
    def adapters(self) -> list[str | None]:
        """The adapters it names, in order of first use."""
        return list(dict.fromkeys(request.adapter for request in self.requests))

    def asked(self, sampling: SamplingParams, by_text: bool) -> "Trace":
        """The same requests, whose tokens are all chosen so, and that are given as text or ids."""
        counts = {each.max_new_tokens for each in self.requests}
        sampled = {count: replace(sampling, max_new_tokens=count) for count in counts}
        requests = (
            replace(each, sampling=sampled[each.max_new_tokens], by_text=by_text)
            for each in self.requests
        )
        return replace(self, requests=tuple(requests))

    def sidecar(self) -> dict[str, Any]:
        """What `trace.json` holds."""
        return {
            "format": FORMAT,
            "sha256": self.sha256,
            "work_sha256": self.work_sha256,
            "requests": len(self.requests),
            "max_in_flight": self.max_in_flight,
            "laws": {name: law for name, law in self.laws.items() if name != "probabilities"},
            "probabilities": self.laws.get("probabilities"),
            "notes": list(self.notes),
        }

    def write(self, path: Path) -> None:
        """Write `trace.jsonl`, and `trace.json` beside it, each whole or not at all."""
        write_text(path, self.jsonl)
        sidecar = json.dumps(self.sidecar(), indent=2, ensure_ascii=False, default=str) + "\n"
        write_text(path.with_suffix(".json"), sidecar)


def digest(rows: bytes, max_in_flight: int | None) -> str:
    """SHA-256 of a line that says what decides when requests come, and of the requests' lines.

    Args:
        rows: the content of `trace.jsonl`: what is asked, in which batch, at which second.
        max_in_flight: as in `Trace`; the rest of what decides when a request may come.
    """
    said = {"format": FORMAT, "max_in_flight": max_in_flight}
    first = json.dumps(said, sort_keys=True, separators=(",", ":")) + "\n"
    return hashlib.sha256(first.encode() + rows).hexdigest()


def used(requests: Sequence[TraceRequest]) -> set[str]:
    """Names of the adapters that those requests name."""
    return {request.adapter for request in requests if request.adapter is not None}


def _row(request: TraceRequest) -> dict[str, Any]:
    row = asdict(request)
    del row["sampling"], row["by_text"]
    for optional in ("tenant", "after"):
        if row[optional] is None:
            del row[optional]
    return row


def assemble(
    slots: Sequence[Slot],
    choices: Sequence[Assignment],
    prompts: Sequence[Prompt],
    lengths: Sequence[int],
    adapters: Sequence[str | None],
    encode: Encode,
    own: TextReaders = NO_OWN,
) -> tuple[TraceRequest, ...]:
    """One request from each slot, choice, prompt and length.

    Args:
        slots: when.
        choices: for which adapter, by whom.
        prompts: with what words; what else they say goes before choices and lengths.
        lengths: how many tokens are asked for.
        adapters: names that the choices' numbers stand for.
        encode: the model's tokenizer.
        own: who reads for adapters that have tokens of their own.
    """
    rows = zip(slots, choices, prompts, lengths, strict=True)

    def ids(prompt: Prompt, adapter: str | None) -> tuple[int, ...]:
        return prompt.ids or tuple(tokenizer_of(adapter, own, encode)(prompt.text))

    return tuple(
        TraceRequest(
            id=id_,
            iteration=slot.iteration,
            adapter=(adapter := prompt.adapter or adapters[choice.adapter]),
            prompt=prompt.text,
            prompt_ids=ids(prompt, adapter),
            max_new_tokens=prompt.max_tokens or length,
            scheduled_s=slot.scheduled_s,
            tenant=choice.tenant,
            after=prompt.follows,
        )
        for id_, (slot, choice, prompt, length) in enumerate(rows)
    )
