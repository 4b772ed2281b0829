"""What every engine of ours does with requests, however it batches them."""

from abc import abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable
from collections.abc import Sequence as Rows
from dataclasses import replace
from time import perf_counter

from pipeline.engines.batching.intake import Intake
from pipeline.engines.batching.sequence import Sequence
from pipeline.engines.settings import Serving
from pipeline.errors import UsageError
from pipeline.inference.capabilities import Capabilities
from pipeline.inference.engine import Engine
from pipeline.inference.events import Admitted, Event, Finished, FinishReason, Token
from pipeline.inference.failure import UnknownAdapter, ends_the_run, failed, not_finite
from pipeline.inference.logprobs import Logprobs
from pipeline.inference.occupancy import Occupancy
from pipeline.inference.request import Request
from pipeline.inference.token_vocabulary import TokenVocabulary


class BatchingEngine(Engine):
    """Takes requests in, tells what becomes of them, and frees what they held, whatever happens.

    A subclass says how a request becomes a sequence of its own that waits, what it computes, and
    what is freed when a sequence ends.
    """

    intake: Intake

    def __init__(self, capabilities: Capabilities, serving: Serving) -> None:
        super().__init__(capabilities)
        self.serving = serving
        self._arrived: deque[Request] = deque()
        self._cancelled: list[Hashable] = []
        self._events: list[Event] = []

    @property
    def longest(self) -> int:
        """As the intake refuses requests."""
        return self.intake.longest

    def own_vocabulary(self, adapter: str) -> TokenVocabulary | None:
        """By which the intake reads its requests."""
        return self.intake.own_vocabulary(adapter)

    def step(self) -> list[Event]:
        """Take what came, advance, tell.

        An error ends the requests it was for, not the engine; what they held is free at once. One
        that is more than theirs is raised all the same; the next step tells how they ended.
        """
        try:
            took = self._take()
            advanced = self._advance()
        except BaseException:
            self.inbox.wake()
            raise
        events, self._events = self._events, []
        self.inbox.end(event.request_id for event in events if isinstance(event, Finished))
        if took or advanced or events:
            self.inbox.wake()
        return events

    @property
    def occupancy(self) -> Occupancy:
        """Who waits and who runs, beside what every engine says."""
        running = Counter(each.adapter for each in self._running())
        waiting = Counter(each.adapter for each in self._open()) - running
        return replace(super().occupancy, running=running, waiting=waiting)

    @abstractmethod
    def _queue(self, request: Request, prompt: list[int]) -> None:
        """A request, tokenised, waits from now on."""

    @abstractmethod
    def _open(self) -> Iterable[Sequence]:
        """All sequences that wait or run."""

    def _running(self) -> Iterable[Sequence]:
        """Those of them that have begun and go on in the next step."""
        return ()

    @abstractmethod
    def _advance(self) -> bool:
        """Compute a little; whether anything was done."""

    @abstractmethod
    def _drop(self, sequence: Sequence) -> None:
        """Forget an open sequence: what it holds is free."""

    def _take(self) -> bool:
        """Take in what other threads asked for; whether they asked for anything."""
        arrived, cancelled = self.inbox.take()
        self._arrived += arrived
        self._cancelled += cancelled
        took = bool(self._arrived or self._cancelled)
        if self._arrived:
            self.clock.enter("tokenize")
            while self._arrived:
                self._accept(self._arrived.popleft())
            self.clock.enter("other")
        if self._cancelled:
            self._end_cancelled()
        return took

    def _accept(self, request: Request) -> None:
        try:
            self._queue(request, self.intake.prompt(request))
        except UnknownAdapter as error:
            self._events.append(Finished.unserved(request.id, perf_counter(), str(error)))
        except UsageError as error:
            self._fail(request, str(error))
        except Exception as error:
            self._stop([request], error)

    def _end_cancelled(self) -> None:
        gone = {*self._cancelled}
        for sequence in [each for each in self._open() if each.id in gone]:
            self._drop(sequence)
            self._events.append(Finished.cancelled(sequence.id, perf_counter()))
        self._cancelled = []

    def _admitted(self, sequences: Iterable[Sequence]) -> None:
        """Work on them begins; told once, however often it begins anew."""
        for each in sequences:
            if not each.admitted:
                self._events.append(Admitted(each.id, perf_counter()))
                each.admitted = True

    def _give(
        self,
        sequences: Rows[Sequence],
        ids: Rows[int | None],
        at: float,
        logprobs: Rows[Logprobs | None],
    ) -> None:
        """A token for each sequence, all there at once; one that has none ends by itself."""
        over: list[tuple[Sequence, FinishReason]] = []
        for sequence, id_, said in zip(sequences, ids, logprobs, strict=True):
            if id_ is None:
                self._drop(sequence)
                self._fail(sequence.request, not_finite(sequence.request, len(sequence.output)))
                continue
            token, reason = self._token(sequence, id_, at, said)
            self._events.append(token)
            if reason:
                over.append((sequence, reason))
        for sequence, reason in over:
            text, by = self._text(sequence), sequence.stopped_by
            self._drop(sequence)
            self._events.append(Finished(sequence.id, at, reason, text, stopped_by=by))

    def _token(
        self, sequence: Sequence, id_: int, at: float, logprobs: Logprobs | None
    ) -> tuple[Token, FinishReason | None]:
        """What is told of one more token, and why it was the last, if it was."""
        sequence.output.append(id_)
        answer = sequence.answer = sequence.answer or self.intake.answer(sequence.request)
        if answer.is_followed:
            self.clock.enter("detokenize")
        piece, reason = answer.add(id_)
        if answer.is_followed:
            self.clock.enter("other")
        text = piece if sequence.request.stream else None
        return Token(sequence.id, at, id_, text, logprobs), reason

    def _text(self, sequence: Sequence) -> str | None:
        """All of its output; None where it was asked by ids and nobody followed the text."""
        if sequence.answer and sequence.answer.is_followed:
            return sequence.answer.text
        if sequence.request.prompt is None:
            return None
        self.clock.enter("detokenize")
        text = self.intake.text(sequence.request, sequence.output)
        self.clock.enter("other")
        return text

    def _attempt(self, sequences: Rows[Sequence], compute: Callable[[], None]) -> None:
        """Compute for some of the open; an error ends those that are left of them."""
        try:
            compute()
        except Exception as error:
            open_ = {*self._open()}
            left = [each for each in sequences if each in open_]
            for each in left:
                self._drop(each)
            self._stop([each.request for each in left], error)

    def _fail(self, request: Request, cause: str) -> None:
        self._events.append(Finished.failed(request.id, perf_counter(), cause))

    def _stop(self, requests: Rows[Request], error: Exception) -> None:
        """Of requests that an exception stopped, and for which nothing is held any more."""
        self.clock.enter("other")
        self._events += failed(requests, error)
        if ends_the_run(error):
            raise error
