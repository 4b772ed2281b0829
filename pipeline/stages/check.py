"""Check: may this run's figures be believed?"""

from collections.abc import Mapping
from typing import Any

from pipeline.metrics.dispatch import late
from pipeline.metrics.stamps import disorder
from pipeline.metrics.timeline import RequestRecord, Timeline
from pipeline.tracking.environment import missing
from pipeline.workload.trace import Trace


def check(
    trace: Trace, written_sha256: str, timeline: Timeline, environment: Mapping[str, Any], eos: bool
) -> tuple[str, ...]:
    """Why the run is INVALID, one line each; empty when it is VALID.

    Args:
        trace: what was asked.
        written_sha256: hash of the trace as it was prepared.
        timeline: what was measured.
        environment: the record of the circumstances.
        eos: whether an output may end early, at an end-of-sequence token.
    """
    asked = {request.id: request for request in trace.requests}
    failed = [record for record in timeline.requests if record.error]
    short = [
        record
        for record in timeline.requests
        if not record.error and not _complete(record, asked[record.id].max_new_tokens, eos)
    ]
    reasons = {
        f"{len(failed)} requests failed, first: {failed[0].error}" if failed else "",
        f"{len(short)} outputs don't have the tokens asked for" if short else "",
        "" if len(timeline.requests) == len(asked) else "not every request was answered once",
        "" if trace.sha256 == written_sha256 else "the trace's hash changed during the run",
        *late(timeline.requests),
        *disorder(timeline.requests),
        environment.get("backend", {}).get("fallback") or "",
        *(f"environment record lacks {name}" for name in missing(environment)),
    }
    return tuple(sorted(reasons - {""}))


def _complete(record: RequestRecord, wanted: int, eos: bool) -> bool:
    count = len(record.output_ids)
    return len(record.tokens) == count and (0 < count <= wanted if eos else count == wanted)
