"""A request in the engine, from when it is handed over to its end."""

from pipeline.inference.events import Finished
from pipeline.metrics.timeline import RequestRecord
from pipeline.workload.request import TraceRequest


class OpenRequest:
    """What has come of a request so far.

    Attributes:
        request: what was asked.
        scheduled: stamp at which it fell due.
        submitted: when the engine accepted it.
        lag: how late that was by the harness's fault, seconds.
        run_in: whether it belongs to the run-in.
        admitted: when the engine began to work on it; None while it waits.
        stamps: one a token.
        ids: the tokens.
    """

    def __init__(
        self, request: TraceRequest, scheduled: float, submitted: float, lag: float, run_in: bool
    ) -> None:
        self.request, self.scheduled, self.submitted, self.lag = request, scheduled, submitted, lag
        self.run_in = run_in
        self.admitted: float | None = None
        self.stamps: list[float] = []
        self.ids: list[int] = []

    def close(self, end: Finished, index: int) -> RequestRecord:
        """The record of it, now that it has ended in that iteration."""
        return RequestRecord(
            id=self.request.id,
            iteration=index,
            adapter=self.request.adapter,
            prompt_tokens=len(self.request.prompt_ids),
            scheduled=self.scheduled,
            submitted=self.submitted,
            lag=self.lag,
            admitted=self.admitted,
            tokens=tuple(self.stamps),
            finished=end.at,
            output_ids=tuple(self.ids),
            text=end.text,
            error=end.error,
            tenant=self.request.tenant,
            run_in=self.run_in,
        )
