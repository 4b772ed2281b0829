"""How texts become tokens and tokens texts: the base's way, and that of adapters with their own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from pipeline.adapters.adapter import Adapter
from pipeline.inference.engine import Engine
from pipeline.inference.token_vocabulary import TokenVocabulary
from pipeline.serve.chat import ChatEncoder
from pipeline.serve.chat_renderers import ChatRenderer, ChatRenderers
from pipeline.serve.json_constraint import JsonGrammars
from pipeline.serve.model import ServedModel


@dataclass(frozen=True)
class Reader:
    """Reads prompts and conversations, and writes answers.

    Attributes:
        model: whose tokens they are.
        chat: writes conversations as the model reads them.
        grammars: what answers have to be that are JSON.
    """

    model: ServedModel
    chat: ChatEncoder
    grammars: JsonGrammars

    @classmethod
    def of(cls, model: ServedModel, renderer: ChatRenderer | None) -> Self:
        """Of a model, whose conversations the renderer writes."""
        return cls(model, ChatEncoder(model, renderer), JsonGrammars(model))


@dataclass(frozen=True)
class Readers:
    """Of all that can be asked.

    Attributes:
        base: reads for the base, and for adapters that were trained with its tokens.
        own: read for the others, by their names; those that read and write alike have one together.
    """

    base: Reader
    own: Mapping[str, Reader]

    @classmethod
    def of(
        cls,
        model: ServedModel,
        adapters: Mapping[str, Adapter],
        engine: Engine,
        renderers: ChatRenderers,
    ) -> Self:
        """For an engine that serves.

        Args:
            model: the base.
            adapters: by name.
            engine: it is entered.
            renderers: of their conversations.

        Raises:
            UsageError: a chat template can't be read, or isn't one.
        """
        own: dict[str, Reader] = {}
        shared: dict[tuple[TokenVocabulary, ChatRenderer | None], Reader] = {}
        for name, each in adapters.items():
            if (tokens := engine.own_vocabulary(name)) is not None:
                renderer = renderers.of(each)
                reader = Reader.of(replace(model, tokens=tokens), renderer)
                own[name] = shared.setdefault((tokens, renderer), reader)
        return cls(Reader.of(model, renderers.of()), own)

    def reader(self, adapter: str | None) -> Reader:
        """Who reads what an adapter is asked, or with None the base."""
        return self.base if adapter is None else self.own.get(adapter, self.base)
