"""From a request to a sequence, or to the reason why it can't be served."""

from collections.abc import Collection
from typing import TypeVar

from pipeline.engines.multilora.sequence import Sequence
from pipeline.engines.settings import Serving
from pipeline.errors import UsageError
from pipeline.inference.failure import refusal
from pipeline.inference.request import Request

T = TypeVar("T")


class Intake:
    """Tokenises what arrives and refuses what can never run."""

    def __init__(self, serving: Serving, adapters: Collection[str], capacity: int) -> None:
        """Reads the tokenizer.

        Args:
            serving: the model, and whether prompts are text.
            adapters: names of those that are served, now and as it will be.
            capacity: positions in the KV pool.
        """
        self._serving, self._adapters, self._capacity = serving, adapters, capacity
        self._tokenizer = serving.checkpoint.tokenizer()

    def sequence(self, request: Request) -> Sequence[T]:
        """The request, tokenised.

        Raises:
            UsageError: it can never be served; the message says why in one line.
        """
        request = self._serving.asked(request)
        prompt = list(request.prompt_ids)
        if self._serving.text:
            prompt = self._tokenizer.encode(request.prompt).ids
        sequence: Sequence[T] = Sequence(request, prompt)
        if problem := self._problem(sequence):
            raise UsageError(f"request {request.id}: {problem}")
        return sequence

    def text(self, output: list[int]) -> str | None:
        """An output as text, special tokens included; None where ids alone are replayed."""
        if not self._serving.text:
            return None
        return self._tokenizer.decode(output, skip_special_tokens=False)

    def _problem(self, sequence: Sequence[T]) -> str | None:
        needed, model = sequence.positions, self._serving.checkpoint.config
        if problem := refusal(sequence.request, self._adapters):
            return problem
        if not sequence.prompt or sequence.request.max_new_tokens < 1:
            return "an empty prompt, or no tokens asked for"
        if min(sequence.prompt) < 0 or max(sequence.prompt) >= model.vocabulary:
            return f"token ids beyond the model's vocabulary of {model.vocabulary}"
        if needed > model.positions:
            return f"needs {needed} positions, the model has {model.positions}"
        if needed > self._capacity:
            return (
                f"needs {needed} positions, the pool has {self._capacity}; raise engine.kv_tokens"
            )
        return None
