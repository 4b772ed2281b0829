"""What a conversation is to the model: token ids, by the checkpoint's chat template."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipeline.errors import UsageError
from pipeline.models.chat_template import ChatTemplate, read_template
from pipeline.models.template_process import TemplateProcess
from pipeline.models.tokenizer import TOKENIZER
from pipeline.serve.errors import ApiError
from pipeline.serve.model import ServedModel
from pipeline.serve.protocol.chat import Conversation


@dataclass(frozen=True)
class ChatEncoder:
    """Of one model.

    Attributes:
        model: what the tokens are for.
        process: runs the template; None where there is none.
    """

    model: ServedModel
    process: TemplateProcess | None

    @classmethod
    def of(cls, model: ServedModel, path: Path | None) -> Self:
        """By the template beside the tokenizer, unless a file is named; its process is started.

        Raises:
            UsageError: the file can't be read, or the template isn't one.
        """
        beside = ChatTemplate(model.folder / TOKENIZER, model.tokenizer)
        if path is not None:
            template = read_template(path, f"serve.chat_template={path}")
        else:
            try:
                template = beside.source(None)
            except UsageError:
                return cls(model, None)
        process = TemplateProcess(template, beside.tokens())
        process.start()
        return cls(model, process)

    async def encode(self, conversation: Conversation) -> list[int]:
        """Its token ids.

        Raises:
            ApiError: there is no template, or it refuses the conversation.
        """
        if self.process is None:
            raise ApiError(
                "this model has no chat template; the server can be given one "
                "(serve.chat_template=path), or use /v1/completions",
                param="messages",
            )
        messages = [each.plain() for each in conversation.messages]
        try:
            text = await asyncio.to_thread(self.process.render, messages, conversation.options())
        except UsageError as error:
            raise ApiError(str(error), param="messages") from error
        return await self.model.encode(text, bool(conversation.add_special_tokens))

    def close(self) -> None:
        """End the template's process."""
        if self.process is not None:
            self.process.close()
