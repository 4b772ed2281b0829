"""Who reads texts for adapters that have tokens of their own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.added_tokens import tokenizer_file
from pipeline.inference.token_vocabulary import TokenVocabulary
from pipeline.models.chat_template import ChatTemplate
from pipeline.workload.prompts.text_reader import TextReader
from pipeline.workload.room import ModelLimits
from pipeline.workload.trace import Trace


@dataclass(frozen=True)
class OwnTokens:
    """Of a run's adapters.

    Attributes:
        readers: by name; none for those that have the base's tokens.
        sizes: how many token ids each of them has.
    """

    readers: Mapping[str | None, TextReader]
    sizes: Mapping[str | None, int]

    @classmethod
    def of(cls, adapters: Iterable[Adapter], base: ChatTemplate) -> Self:
        """Reads the tokenizers of adapters that have one of their own.

        Args:
            adapters: all of them.
            base: the base's chat template, for those that have none.
        """
        read = [(each, its) for each in adapters if (its := each.vocabulary()) is not None]
        return cls(
            {each.name: _reader(each, its, base) for each, its in read},
            {each.name: its.size for each, its in read},
        )

    def widest(self, room: ModelLimits) -> ModelLimits:
        """The base's room, with the ids of whoever has most."""
        return replace(room, vocabulary=max(room.vocabulary, *self.sizes.values(), 0))

    def hold(self, trace: Trace, room: ModelLimits) -> None:
        """Refuse a trace that doesn't fit.

        Args:
            trace: by the tokenizers of whoever is asked.
            room: of the base.

        Raises:
            UsageError: a request has an id that whoever is asked hasn't, or is too long.
        """
        for each in trace.requests if self.sizes else ():
            size = self.sizes.get(each.adapter, room.vocabulary)
            replace(room, vocabulary=size).hold("workload", [each])


def _reader(adapter: Adapter, its: TokenVocabulary, base: ChatTemplate) -> TextReader:
    template = ChatTemplate(tokenizer_file(adapter.lora), its.tokenizer, base)
    return TextReader(lambda text: its.tokenizer.encode(text).ids, template)
