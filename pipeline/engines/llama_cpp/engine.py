"""`engine=llama_cpp`: one model, one context, one adapter in effect at a time."""

import heapq
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Self

import numpy as np

from pipeline.engines.llama_cpp import log
from pipeline.engines.llama_cpp.batch import Chunk
from pipeline.engines.llama_cpp.build import backend
from pipeline.engines.llama_cpp.files import files_of
from pipeline.engines.llama_cpp.runner import Runner
from pipeline.engines.llama_cpp.scheduler import Room, Running, admissible, groups, positions
from pipeline.engines.llama_cpp.settings import LlamaCppSettings
from pipeline.engines.settings import Serving
from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.backend import Backend
from pipeline.inference.engine import Engine
from pipeline.inference.events import Admitted, Event, Finished, Token
from pipeline.inference.failure import ends_the_run, failed, not_finite, refusal
from pipeline.inference.request import Request
from pipeline.inference.stage_clock import StageClock
from pipeline.inference.teacher import Teacher
from pipeline.inference.token_sampler import TokenSampler

if TYPE_CHECKING:
    from numpy.typing import NDArray


class LlamaCpp(Engine):
    """Lets requests join by its policy; then every adapter group takes a decode a step."""

    def __init__(self, settings: LlamaCppSettings, serving: Serving) -> None:
        self.settings, self.serving = settings, serving
        self.clock = StageClock()
        self._waiting: list[Request] = []
        self._running: list[Running] = []
        self._events: list[Event] = []

    def __enter__(self) -> Self:
        settings, serving = self.settings, self.serving
        self._files = files_of(settings, serving)
        self._tokenizer = serving.checkpoint.tokenizer()
        ends = serving.checkpoint.config.end_ids
        self._ends = frozenset() if serving.sampling.ignore_eos else ends
        self._sampler = TokenSampler(ends)
        log.capture()
        self._runner = Runner(settings, serving.threads, self._files, self.clock)
        self._runner.residency.preload(serving.adapters)
        log.quieten()
        most = settings.max_batch_size
        self._room = Room(most, settings.context, settings.resident_adapters)
        self._free = list(range(most))
        return self

    def close(self) -> None:
        """Free the model."""
        self._runner.close()

    def submit(self, request: Request) -> None:
        """Put the request at the end of the queue, or note why it can't be served."""
        if why := refusal(request, self.serving.adapters) or self._misfit(request):
            self._events.append(Finished(request.id, perf_counter(), error=why))
        else:
            self._waiting.append(self.serving.asked(request))

    @property
    def busy(self) -> bool:
        """Whether a request waits or runs, or something is still to be reported."""
        return bool(self._waiting or self._running or self._events)

    @property
    def adapter_counts(self) -> AdapterCounts:
        """How adapters came and went since the engine was entered."""
        return self._runner.residency.counts

    @property
    def backend(self) -> Backend:
        """As the library was compiled, and what the file holds."""
        return replace(backend(), stand_ins=self._files.stand_ins)

    @property
    def weight_bytes(self) -> int:
        """All tensors of the GGUF file but an embedding that isn't the output layer too."""
        return self._files.read_bytes

    @property
    def model_bytes(self) -> int:
        """Size of the GGUF file, which is mapped into memory."""
        return self._files.base.stat().st_size

    def step(self) -> list[Event]:
        """Let requests join, then give every running one a token; an error ends its group.

        One that is more than the group's is raised all the same; the next step tells the rest.
        """
        self._admit()
        for group in groups(self._running):
            self._serve(group)
        self.clock.enter("other")
        events, self._events = self._events, []
        return events

    def score(
        self, adapter: str | None, prompt_ids: Sequence[int], continuation_ids: Sequence[int]
    ) -> "NDArray[np.float32]":
        """All of the continuation in one decode.

        Raises:
            KeyError: the adapter was never given to this engine.
        """
        if adapter is not None and adapter not in self.serving.adapters:
            raise KeyError(f"adapter {adapter!r} was never given to this engine")
        scores = self._runner.score(adapter, self._free[0], prompt_ids, continuation_ids)
        if np.isnan(scores).any():
            self._wipe()
        return scores

    def teach(self, teacher: Teacher | None) -> bool:
        """Through the sampler."""
        self._sampler.teacher = teacher
        return True

    def _misfit(self, request: Request) -> str | None:
        limit = min(self.settings.context, self.serving.checkpoint.config.seen)
        if not request.prompt_ids:
            return "an empty prompt"
        if positions(request) > limit:
            return (
                f"needs {positions(request)} positions; engine.context and the model have {limit}"
            )
        return None

    def _admit(self) -> None:
        served = [each.request for each in self._running]
        joining = admissible(self._waiting, served, self.settings.policy, self._room)
        if not joining:
            return
        chosen = {request.id for request in joining}
        self._waiting = [request for request in self._waiting if request.id not in chosen]
        self._events += [Admitted(request.id, perf_counter()) for request in joining]
        try:
            self.clock.enter("tokenize")
            prompts = [self._encode(request) for request in joining]
            self.clock.enter("adapter_load")
            self._runner.residency.look_up(request.adapter for request in joining)
            self._runner.residency.require(request.adapter for request in [*served, *joining])
        except Exception as error:
            self._end(joining, error)
            return
        for request, prompt in zip(joining, prompts, strict=True):
            self._running.append(Running(request, prompt, heapq.heappop(self._free)))

    def _end(self, requests: Sequence[Request], error: Exception) -> None:
        """Of requests that an exception stopped, and for which nothing is held any more."""
        self.clock.enter("other")
        self._events += failed(requests, error)
        if ends_the_run(error):
            raise error

    def _encode(self, request: Request) -> Sequence[int]:
        if not self.serving.text:
            return request.prompt_ids
        ids: list[int] = self._tokenizer.encode(request.prompt).ids
        return ids

    def _serve(self, group: Sequence[Running]) -> None:
        """A token for each of those that share an adapter."""
        fresh = [each for each in group if not each.tokens]
        begun = [each for each in group if each.tokens]
        try:
            self._runner.switch(group[0].request.adapter)
            self._advance("prefill", fresh)
            self._advance("decode", begun)
            self._finish([each for each in self._left(group) if self._is_over(each)])
        except Exception as error:
            self._runner.residency.deactivate()
            left = self._left(group)
            self._release(left)
            self._end([each.request for each in left], error)

    def _left(self, group: Sequence[Running]) -> list[Running]:
        """Those of the group that haven't ended."""
        going = {each.slot for each in self._running}
        return [each for each in group if each.slot in going]

    def _advance(self, stage: str, sequences: Sequence[Running]) -> None:
        """A token for each sequence, all from one decode; one that has none ends by itself."""
        if not sequences:
            return
        self.clock.enter(stage)
        logits = self._runner.decode([_chunk(each) for each in sequences])
        self.clock.enter("sample")
        ids = self._sampler.sample(logits, sequences)
        at = self.clock.enter("other")
        for each, id_ in zip(sequences, ids, strict=True):
            if id_ is None:
                why = not_finite(each.request, len(each.tokens))
                self._events.append(Finished(each.request.id, at, error=why))
            else:
                each.tokens.append(id_)
                each.last_at = at
                self._events.append(Token(each.request.id, at, id_))
        if broken := [each for each, id_ in zip(sequences, ids, strict=True) if id_ is None]:
            self._release(broken)
            self._wipe()

    def _wipe(self) -> None:
        """Leave nothing in the KV cache but what is of those that have a token."""
        self._runner.wipe([each.slot for each in self._running if each.tokens])

    def _is_over(self, each: Running) -> bool:
        full = len(each.tokens) == each.request.max_new_tokens
        return full or each.tokens[-1] in self._ends

    def _finish(self, sequences: Sequence[Running]) -> None:
        self.clock.enter("detokenize")
        texts = [self._decode(each.tokens) for each in sequences]
        self.clock.enter("other")
        self._release(sequences)
        self._events += [
            Finished(each.request.id, each.last_at, text)
            for each, text in zip(sequences, texts, strict=True)
        ]

    def _decode(self, tokens: Sequence[int]) -> str | None:
        if not self.serving.text:
            return None
        text: str = self._tokenizer.decode(tokens, skip_special_tokens=False)
        return text

    def _release(self, sequences: Sequence[Running]) -> None:
        for each in sequences:
            self._runner.forget(each.slot)
            heapq.heappush(self._free, each.slot)
        gone = {each.slot for each in sequences}
        self._running = [each for each in self._running if each.slot not in gone]


def _chunk(each: Running) -> Chunk:
    """What the model hasn't seen of a sequence: its prompt, or its last token."""
    if not each.tokens:
        return Chunk(each.slot, 0, each.prompt)
    return Chunk(each.slot, len(each.prompt) + len(each.tokens) - 1, each.tokens[-1:])
