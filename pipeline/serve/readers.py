"""How texts become tokens and tokens texts: the base's way, and that of adapters with their own."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from pipeline.adapters.adapter import Adapter
from pipeline.inference.engine import Engine
from pipeline.models.config import ModelConfig
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


class Readers:
    """Of all that can be asked; those that read and write alike have one together.

    Attributes:
        base: reads for the base, and for adapters that were trained with its tokens.
    """

    def __init__(
        self,
        model: ServedModel,
        shape: ModelConfig,
        engine: Engine,
        renderers: ChatRenderers,
    ) -> None:
        """Of the base alone.

        Args:
            model: the base.
            shape: its configuration.
            engine: it is entered.
            renderers: of conversations; they end with this.

        Raises:
            UsageError: the base's chat template isn't one.
        """
        self.base = Reader.of(model, renderers.of())
        self._shape, self._engine, self._renderers = shape, engine, renderers
        self._own: dict[str, Reader] = {}

    def reader(self, adapter: str | None) -> Reader:
        """Who reads what an adapter is asked, or with None the base."""
        return self.base if adapter is None else self._own.get(adapter, self.base)

    def renderer(self, name: str, folder: Path) -> ChatRenderer | None:
        """Of an adapter that the engine doesn't serve yet; from any thread.

        Raises:
            UsageError: it is no adapter, or its chat template can't be read, or isn't one.
        """
        return self._renderers.of(Adapter.open(name, folder, self._shape))

    def add(self, adapter: str, renderer: ChatRenderer | None) -> None:
        """The engine serves an adapter from now on, or another one under a name.

        Args:
            adapter: its name.
            renderer: of its conversations.
        """
        tokens = self._engine.own_vocabulary(adapter)
        if tokens is None:
            self.remove(adapter)
            return
        alike = (
            each
            for each in self._own.values()
            if each.model.tokens is tokens and each.chat.renderer is renderer
        )
        model = replace(self.base.model, tokens=tokens)
        self._own[adapter] = next(alike, None) or Reader.of(model, renderer)

    def remove(self, adapter: str) -> None:
        """One is served no more."""
        self._own.pop(adapter, None)

    def close(self) -> None:
        """End what writes conversations."""
        self._renderers.close()
