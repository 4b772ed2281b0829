"""Engines of the embedded model, entered."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.adapters.adapter import Adapter
from pipeline.engines.llama_cpp.settings import LlamaCppSettings
from pipeline.engines.sampling import Sampling
from pipeline.engines.settings import Serving
from pipeline.inference.engine import Engine
from pipeline.inference.events import Event, Finished, Token
from pipeline.inference.request import Request
from pipeline.models.checkpoint import Checkpoint
from pipeline.stages import reference as stage
from pipeline.stages.build import build
from pipeline.stages.prepare import Prepared
from pipeline.stages.reference import refer
from tests.engines.judged import Judged, made_here

TINY = Path(__file__).parents[2] / "pipeline" / "assets" / "tiny"
NAMES = sorted(path.name for path in (TINY / "adapters").iterdir())
NEAR_TIE = 1e-2
"""Nats between two tokens that rounding may let change places."""
Beside = Callable[[Prepared], Iterable[Adapter]]
PROMPTS = (TINY.parents[1] / "workload" / "prompts" / "builtin.txt").read_text("utf-8").splitlines()


@pytest.fixture(scope="session")
def checkpoint() -> Checkpoint:
    """The embedded base model."""
    return Checkpoint.open(TINY / "base")


@pytest.fixture(scope="session")
def adapters(checkpoint: Checkpoint) -> dict[str, Adapter]:
    """The embedded adapters by name."""
    folder = TINY / "adapters"
    return {name: Adapter.open(name, folder / name, checkpoint.config) for name in NAMES}


@pytest.fixture(scope="session")
def llama(
    cache: Path, checkpoint: Checkpoint, adapters: dict[str, Adapter]
) -> Callable[..., AbstractContextManager[Engine]]:
    """Enters llama.cpp with settings of one's own, on one thread."""

    @contextmanager
    def entered(**settings: object) -> Iterator[Engine]:
        chosen = LlamaCppSettings(name="llama_cpp", cache=cache, **{"precision": "f32", **settings})
        with chosen.build(Serving(checkpoint, adapters, threads=1)) as engine:
            yield engine

    return entered


@pytest.fixture(scope="session")
def request_of(checkpoint: Checkpoint) -> Callable[..., Request]:
    """Makes a request for an adapter, with one of the built-in prompts."""
    tokenizer = checkpoint.tokenizer()

    def made(
        id_: int,
        adapter: str | None,
        new_tokens: int = 6,
        prompt: int = 0,
        sampling: Sampling | None = None,
    ) -> Request:
        text = PROMPTS[prompt % len(PROMPTS)]
        ids = tuple(tokenizer.encode(text).ids)
        asked = replace((sampling or Sampling()).params(), max_new_tokens=new_tokens)
        return Request(id_, adapter, text, ids, asked)

    return made


@pytest.fixture(scope="session")
def drain() -> Callable[..., list[Event]]:
    """Submits requests and steps until nothing is left; all events in their order."""

    def drained(engine: Engine, *requests: Request) -> list[Event]:
        for request in requests:
            engine.submit(request)
        events = []
        while engine.busy:
            events += (told := engine.step())
            if not told:
                engine.wait(600)
        return events

    return drained


@pytest.fixture(scope="session")
def outputs() -> Callable[[list[Event]], dict[int, list[int]]]:
    """Token ids by request, from events."""

    def of(events: list[Event]) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {
            event.request_id: [] for event in events if isinstance(event, Finished)
        }
        for event in events:
            if isinstance(event, Token):
                found[event.request_id].append(event.token_id)
        return found

    return of


@pytest.fixture
def judging(
    config: Any, prepared: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., AbstractContextManager[Judged]]:
    """Builds an engine that is judged by what it serves; references are made in this process.

    It may hold other adapters beside those of its run.
    """

    @contextmanager
    def built(*overrides: str, beside: Beside = lambda _: ()) -> Iterator[Judged]:
        overrides = (*overrides, f"paths.cache={cache}")
        settings, ready = config(*overrides), prepared(*overrides)
        with monkeypatch.context() as patch:
            patch.setattr(stage, "_in_its_own_process", made_here)
            reference = refer(settings, ready, "0" * 64)
        with build(settings, replace(ready, adapters=(*ready.adapters, *beside(ready)))) as entered:
            yield Judged(settings, ready, reference, entered.engine)

    return built


@pytest.fixture(scope="session")
def same_but_for_near_ties() -> Callable[..., None]:
    """Asserts that two engines' greedy outputs are equal up to where two tokens are as good.

    llama.cpp adds up in an order that depends on the batch and the processor, so it promises no
    more: what comes after such a place is another text.
    """

    def compare(
        engine: Engine,
        requests: Sequence[Request],
        one: Mapping[int, Sequence[int]],
        other: Mapping[int, Sequence[int]],
    ) -> None:
        assert one.keys() == other.keys() == {request.id for request in requests}
        for request in requests:
            ours, theirs = one[request.id], other[request.id]
            pairs = enumerate(zip(ours, theirs, strict=True))
            for at in [at for at, (mine, yours) in pairs if mine != yours][:1]:
                scores = engine.score(request.adapter, request.prompt_ids, ours[: at + 1])
                assert scores is not None
                assert abs(scores[at][ours[at]] - scores[at][theirs[at]]) < NEAR_TIE

    return compare


class ManualExecutor(Executor):
    """Runs what it was given only when told to."""

    def __init__(self):
        self.pending = []

    def submit(self, function, /, *arguments, **_):
        future = Future()
        self.pending.append((future, function, arguments))
        return future

    def run(self, index=0):
        future, function, arguments = self.pending.pop(index)
        try:
            future.set_result(function(*arguments))
        except (OSError, MemoryError) as error:
            future.set_exception(error)


@pytest.fixture
def executor():
    return ManualExecutor()
