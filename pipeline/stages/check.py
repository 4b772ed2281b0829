"""Check: may this run's figures be believed?"""

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.metrics.dispatch import late
from pipeline.metrics.integrity import Asked, disorder, strays
from pipeline.metrics.timeline import RequestRecord, Timeline
from pipeline.tracking.environment import missing
from pipeline.workload.request import TraceRequest
from pipeline.workload.trace import Trace


def check(
    trace: Trace,
    written_sha256: str,
    timeline: Timeline,
    kept: Iterable[RequestRecord],
    environment: Mapping[str, Any],
    eos: bool,
) -> tuple[str, ...]:
    """Why the run is INVALID, one line each; empty when it is VALID.

    Args:
        trace: what was asked.
        written_sha256: hash of the trace as it was prepared.
        timeline: what was measured.
        kept: the rows as they lie on disk.
        environment: the record of the circumstances.
        eos: whether an output may end early, at an end-of-sequence token.
    """
    asked = [_asked(request) for request in trace.requests]
    failed = [record for record in timeline.requests if record.error]
    reasons = {
        f"{len(failed)} requests failed, first: {failed[0].error}" if failed else "",
        *strays(asked, kept, eos),
        "" if trace.sha256 == written_sha256 else "the trace's hash changed during the run",
        *late(timeline.requests),
        *disorder(timeline.requests),
        environment.get("backend", {}).get("fallback") or "",
        *(f"environment record lacks {name}" for name in missing(environment)),
    }
    return tuple(sorted(reasons - {""}))


def _asked(request: TraceRequest) -> Asked:
    return Asked(
        request.id,
        request.iteration,
        request.adapter,
        len(request.prompt_ids),
        request.max_new_tokens,
    )
