"""Texts as the adapters that are asked read them, where these have tokens of their own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from pipeline.adapters.adapter import Adapter
from pipeline.inference.token_vocabulary import TokenVocabulary
from pipeline.models.chat_template import ChatTemplate
from pipeline.workload.exam import ExamQuestion
from pipeline.workload.prompts.source import Encode
from pipeline.workload.room import ModelLimits
from pipeline.workload.trace import Trace


@dataclass(frozen=True)
class OwnTokens:
    """What is drawn or read with the base's tokenizer, in the ids of whoever is asked.

    Attributes:
        encode: the base's tokenizer.
        template: the base's chat template, with the same.
        own: adapters' own vocabularies, by name.
    """

    encode: Encode
    template: ChatTemplate
    own: Mapping[str | None, TokenVocabulary]

    @classmethod
    def of(cls, adapters: Iterable[Adapter], encode: Encode, template: ChatTemplate) -> Self:
        """Reads the tokenizers of adapters that have one of their own."""
        read = {each.name: each.vocabulary() for each in adapters}
        return cls(encode, template, {name: its for name, its in read.items() if its is not None})

    def widest(self, room: ModelLimits) -> ModelLimits:
        """The base's room, with the ids of whoever has most."""
        sizes = (each.size for each in self.own.values())
        return replace(room, vocabulary=max(room.vocabulary, *sizes, 0))

    def trace(self, drawn: Trace, room: ModelLimits) -> Trace:
        """A trace; ids that aren't the base's for their text stay as they are.

        Args:
            drawn: by the base's tokenizer.
            room: of the base.

        Raises:
            UsageError: a request has an id that whoever is asked hasn't, or is too long now.
        """
        if not self.own:
            return drawn
        requests = tuple(
            replace(each, prompt_ids=self._ids(each.adapter, each.prompt, each.prompt_ids))
            for each in drawn.requests
        )
        for each in requests:
            its = self.own.get(each.adapter)
            replace(room, vocabulary=its.size if its else room.vocabulary).hold("workload", [each])
        return replace(drawn, requests=requests)

    def question(self, asked: ExamQuestion) -> ExamQuestion:
        """A question and its answer."""
        return replace(
            asked,
            prompt_ids=self._ids(asked.adapter, asked.prompt, asked.prompt_ids),
            answer_ids=self._ids(asked.adapter, asked.answer, asked.answer_ids),
        )

    def _ids(self, adapter: str | None, text: str, ids: tuple[int, ...]) -> tuple[int, ...]:
        """With the tokens around a text if the base's ids have them, else without."""
        if (its := self.own.get(adapter)) is None:
            return ids
        for around, encode in ((True, self.encode), (False, self.template.encode)):
            if tuple(encode(text)) == ids:
                return tuple(its.tokenizer.encode(text, add_special_tokens=around).ids)
        return ids
