"""Answers that are JSON: an object, or whatever a schema says, by llguidance.

A schema is a stranger's program, in a way. llguidance bounds what it may take of time and memory
(`LIMITS`), when it is read and again at every token.
"""

import json
from threading import Lock
from typing import Any

import numpy as np
from llguidance import LLMatcher, LLParserLimits, LLTokenizer
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask
from numpy.typing import NDArray

from pipeline.errors import UsageError, shortened
from pipeline.serve.model import ServedModel

MOST_CHARACTERS = 256 * 1024
"""Of a schema."""
WHITE_SPACE = r"[ \n]{1,8}"
"""Between the parts of a document; models that know nothing better would go on with it for ever."""
OPTIONS = {"whitespace_flexible": True, "whitespace_pattern": WHITE_SPACE}
NOT_FORCED = '%llguidance {"no_forcing": true}'
"""Text that only one way is left for would be tokenised at once, and a special token's own text
become that token, which isn't text."""


def _limits() -> LLParserLimits:
    return LLParserLimits(max_grammar_size=100_000, max_lexer_states=50_000, verbose_errors=False)


class JsonConstraint:
    """Of one answer; see `pipeline.inference.constraint.Constraint`."""

    def __init__(self, matcher: LLMatcher, end_ids: list[int], vocabulary: int) -> None:
        self._matcher, self._end_ids = matcher, end_ids
        self._mask, self._vocabulary = allocate_token_bitmask(1, vocabulary), vocabulary
        self.fault: str | None = None

    def restrict(self, logits: NDArray[np.float32]) -> None:
        """See `Constraint`; when the document is whole, only an end token may come.

        Logits may be wider, where another adapter has more tokens; they are −∞ there.
        """
        if self._matcher.is_stopped() and not self._matcher.is_error():
            ends = logits[self._end_ids].copy()
            logits[:] = -np.inf
            logits[self._end_ids] = ends
            return
        fill_next_token_bitmask(self._matcher, self._mask)
        if self._matcher.is_error():
            self.fault = f"response_format: {_fault(self._matcher)}"
            logits[:] = -np.inf
            return
        allowed = np.unpackbits(self._mask.view(np.uint8)[0], bitorder="little")
        logits[: self._vocabulary][allowed[: self._vocabulary] == 0] = -np.inf

    def take(self, token: int) -> None:
        """See `Constraint`."""
        if not self._matcher.is_stopped():
            self._matcher.consume_token(token)


class JsonGrammar:
    """Of one request: every answer of it begins anew."""

    def __init__(self, matcher: LLMatcher, end_ids: list[int], vocabulary: int) -> None:
        self._matcher, self._end_ids, self._vocabulary = matcher, end_ids, vocabulary

    def constraint(self) -> JsonConstraint:
        """For one answer."""
        return JsonConstraint(self._matcher.deep_copy(), self._end_ids, self._vocabulary)


class JsonGrammars:
    """Of one model; any thread may ask."""

    def __init__(self, model: ServedModel) -> None:
        """Nothing is read yet."""
        self._model, self._lock = model, Lock()
        self._tokenizer: LLTokenizer | None = None

    def grammar(self, schema: dict[str, Any]) -> JsonGrammar:
        """What a JSON schema allows; takes milliseconds, the first one longer.

        Raises:
            UsageError: it isn't a schema, is too large, or holds what isn't supported.
        """
        if len(json.dumps(schema)) > MOST_CHARACTERS:
            raise UsageError(f"the schema is longer than {MOST_CHARACTERS} characters")
        tokenizer = self._made()
        text = f"{NOT_FORCED}\nstart: %json {json.dumps(schema | {'x-guidance': OPTIONS})}"
        matcher = LLMatcher(
            tokenizer, LLMatcher.grammar_from_lark(text), log_level=0, limits=_limits()
        )
        if matcher.is_error():
            raise UsageError(f"the schema can't be served: {_fault(matcher)}")
        return JsonGrammar(matcher, sorted(self._model.end_ids), self._model.tokens.size)

    def _made(self) -> LLTokenizer:
        with self._lock:
            if self._tokenizer is None:
                model = self._model
                if not model.end_ids:
                    raise UsageError("this model has no end token, by which a document would end")
                try:
                    self._tokenizer = LLTokenizer(
                        model.tokens.tokenizer.to_str(),
                        n_vocab=model.tokens.size,
                        eos_token=sorted(model.end_ids),
                    )
                except ValueError as error:
                    raise UsageError(f"this model's tokenizer can't be used: {error}") from error
            return self._tokenizer


def _fault(matcher: LLMatcher) -> str:
    return shortened(" ".join(matcher.get_error().split()), 300)
