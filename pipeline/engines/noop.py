"""`engine=noop`: answers at once, so that what a run takes is what measuring costs.

MLPerf's LoadGen calls such a thing a null system. It reads no weights and computes nothing; it
keeps the contract, stamps included, and does what is a server's work with text.
"""

from collections.abc import Sequence
from time import perf_counter
from typing import ClassVar, Literal, Self

from pydantic.dataclasses import dataclass

from pipeline.adapters.variants import VARIANTS
from pipeline.engines.settings import EngineSettings, Serving
from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.backend import Backend
from pipeline.inference.engine import Engine
from pipeline.inference.events import Admitted, Event, Finished, Token
from pipeline.inference.request import Request
from pipeline.inference.stage_clock import StageClock
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class NoopSettings(EngineSettings):
    """Settings of `engine=noop`.

    Attributes:
        name: what the user typed.
        precision: there are no numbers to be precise about.
    """

    name: str
    precision: Literal["none"] = "none"
    computes: ClassVar[bool] = False
    variants: ClassVar[frozenset[str]] = frozenset(VARIANTS)

    def build(self, serving: Serving) -> Engine:
        """The engine, not yet entered."""
        return Noop(serving)


class _Answer:
    """A request that is being answered: with its own prompt, again and again."""

    def __init__(self, request: Request, prompt: Sequence[int]) -> None:
        self.id, self.wanted = request.id, request.max_new_tokens
        self.prompt, self.tokens = prompt or (0,), list[int]()

    def next(self) -> int:
        """Another token; it is always one of the model's vocabulary."""
        token = self.prompt[len(self.tokens) % len(self.prompt)]
        self.tokens.append(token)
        return token


class Noop(Engine):
    """Admits everything that waits; every step then gives a token to each request."""

    def __init__(self, serving: Serving) -> None:
        self.serving, self.clock = serving, StageClock()
        self._waiting: list[Request] = []
        self._running: list[_Answer] = []

    def __enter__(self) -> Self:
        self._tokenizer = self.serving.checkpoint.tokenizer()
        return self

    def close(self) -> None:
        """Nothing was loaded but a tokenizer."""

    def submit(self, request: Request) -> None:
        """Put the request at the end of the queue."""
        self._waiting.append(request)

    @property
    def busy(self) -> bool:
        """Whether a request waits or is being answered."""
        return bool(self._waiting or self._running)

    @property
    def backend(self) -> Backend:
        """Nothing computes."""
        return Backend("none")

    @property
    def adapter_counts(self) -> AdapterCounts:
        """All zero: no adapter is ever looked at."""
        return AdapterCounts()

    def step(self) -> list[Event]:
        """Admit what waits, then a token for everybody."""
        events: list[Event] = [self._admit(request) for request in self._waiting]
        self._waiting = []
        at = perf_counter()
        events += [Token(answer.id, at, answer.next()) for answer in self._running]
        over = [answer for answer in self._running if len(answer.tokens) == answer.wanted]
        if over:
            self._running = [each for each in self._running if len(each.tokens) < each.wanted]
            events += [Finished(answer.id, at, self._text(answer)) for answer in over]
        return events

    def _admit(self, request: Request) -> Admitted:
        at = self.clock.enter("tokenize")
        text = self.serving.text
        prompt = self._tokenizer.encode(request.prompt).ids if text else request.prompt_ids
        self.clock.enter("other")
        self._running.append(_Answer(request, prompt))
        return Admitted(request.id, at)

    def _text(self, answer: _Answer) -> str | None:
        if not self.serving.text:
            return None
        self.clock.enter("detokenize")
        text: str = self._tokenizer.decode(answer.tokens, skip_special_tokens=False)
        self.clock.enter("other")
        return text
