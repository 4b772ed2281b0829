"""From a request to its tokens, or to the reason why it can't be served, and back to text."""

from collections.abc import Collection, Mapping, Sequence

from pipeline.adapters.adapter import Adapter
from pipeline.errors import UsageError
from pipeline.inference.answer import Answer
from pipeline.inference.failure import UnknownAdapter, refusal
from pipeline.inference.request import Request
from pipeline.inference.token_vocabulary import TokenVocabulary
from pipeline.models.checkpoint import Checkpoint


class Intake:
    """Tokenises what arrives and refuses what can never run.

    Attributes:
        end_ids: the model's end tokens.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        adapters: Collection[str] | None,
        positions: int | None = None,
        beyond: str = "",
        served: Mapping[str, Adapter] | None = None,
    ) -> None:
        """Reads the tokenizers.

        Args:
            checkpoint: the base model.
            adapters: names of the adapters, as they are when a request comes; None if all will do.
            positions: most that a sequence may need; None for what the model has.
            beyond: whose limit that is and what to do about it.
            served: by name, adapters that may have a vocabulary of their own.
        """
        self._model, self._adapters = checkpoint.config, adapters
        self._positions, self._beyond = positions, beyond
        self._base = TokenVocabulary(self._model.vocabulary, checkpoint.tokenizer())
        self._known: dict[str, TokenVocabulary] = {}
        self._named: dict[str, TokenVocabulary] = {}
        for name, each in (served or {}).items():
            if (own := each.vocabulary()) is None:
                self._named[name] = self._base
            else:
                self._named[name] = self._known.setdefault(own.fingerprint, own)
        self.end_ids = checkpoint.config.end_ids

    def add(self, adapter: Adapter) -> None:
        """From now on there is one more adapter, or another one under a name; from any thread.

        Requests go on that were promised what the name stood for, and all that is known of tokens
        is known by name: so a name keeps its tokens.

        Raises:
            UsageError: its name has stood for other tokens.
        """
        own = adapter.vocabulary()
        vocabulary = self._base if own is None else self._known.get(own.fingerprint, own)
        if self._named.setdefault(adapter.name, vocabulary) is not vocabulary:
            raise UsageError(
                f"{adapter.lora.origin or adapter.folder}: {adapter.name} has stood for an adapter "
                "with other tokens; load this one by another name"
            )
        if own is not None:
            self._known[own.fingerprint] = vocabulary

    def prompt(self, request: Request) -> list[int]:
        """The token ids of its prompt.

        Raises:
            UnknownAdapter: its adapter isn't served.
            UsageError: it can never be served; the message says why in one line.
        """
        prompt = list(request.prompt_ids or ())
        vocabulary = self.vocabulary(request.adapter)
        if request.prompt is not None:
            prompt = vocabulary.tokenizer.encode(request.prompt).ids
        if self._adapters is not None and (unknown := refusal(request, self._adapters)):
            raise UnknownAdapter(f"request {request.id}: {unknown}")
        if problem := self._problem(prompt, request.max_new_tokens, vocabulary.size):
            raise UsageError(f"request {request.id}: {problem}")
        return prompt

    def answer(self, request: Request) -> Answer:
        """What its tokens will come to; the text is followed only for who must see it early."""
        followed = request.stream or request.sampling.stop
        vocabulary = self.vocabulary(request.adapter)
        tokenizer = vocabulary.tokenizer if followed else None
        return Answer(request.sampling, self.end_ids, tokenizer, vocabulary.special_ids)

    def text(self, request: Request, output: Sequence[int]) -> str:
        """What a request was answered, as text."""
        text: str = self.vocabulary(request.adapter).tokenizer.decode(
            list(output), skip_special_tokens=request.sampling.skip_special_tokens
        )
        return text

    def vocabulary(self, adapter: str | None) -> TokenVocabulary:
        """An adapter's own, if it has one, else the base's."""
        return self._base if adapter is None else self._named.get(adapter, self._base)

    def own_vocabulary(self, adapter: str) -> TokenVocabulary | None:
        """An adapter's own; None where it has the base's."""
        vocabulary = self.vocabulary(adapter)
        return None if vocabulary is self._base else vocabulary

    def sizes(self, adapters: Sequence[str | None], ids: int) -> list[int] | None:
        """How many token ids each has; None where nobody has others than the base.

        Args:
            adapters: of the rows of logits.
            ids: how many of them the logits are for.
        """
        if ids == self._base.size:
            return None
        return [self.vocabulary(each).size for each in adapters]

    @property
    def longest(self) -> int:
        """Positions that a sequence may need."""
        return min(self._model.positions, self._positions or self._model.positions)

    def _problem(self, prompt: Sequence[int], new_tokens: int, ids: int) -> str | None:
        needed, model = len(prompt) + new_tokens, self._model
        if not prompt or new_tokens < 1:
            return "an empty prompt, or no tokens asked for"
        if min(prompt) < 0 or max(prompt) >= ids:
            return f"token ids beyond the model's vocabulary of {ids}"
        if needed > model.positions:
            return f"needs {needed} positions, the model has {model.positions}"
        if self._positions is not None and needed > self._positions:
            return f"needs {needed} positions, {self._beyond}"
        return None
