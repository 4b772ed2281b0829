"""What a conversation is to a model: token ids, by its chat template."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.serve.chat_renderers import ChatRenderer
from pipeline.serve.errors import ApiError
from pipeline.serve.model import ServedModel
from pipeline.serve.protocol.chat import ChatMessage, TemplateOptions


@dataclass(frozen=True)
class ChatEncoder:
    """Of one model.

    Attributes:
        model: what the tokens are for.
        renderer: runs the template; None where there is none.
    """

    model: ServedModel
    renderer: ChatRenderer | None

    async def encode(self, turns: Sequence[ChatMessage], how: TemplateOptions) -> list[int]:
        """Token ids of a conversation.

        Args:
            turns: of it.
            how: what the template is told beside them.

        Raises:
            ApiError: there is no template, or it refuses the conversation.
        """
        if self.renderer is None:
            raise ApiError(
                "this model has no chat template; the server can be given one "
                "(serve.chat_template=path), or use /v1/completions",
                param="messages",
            )
        messages = [each.plain() for each in turns]
        try:
            text = await self.renderer.render(messages, how.options())
        except UsageError as error:
            raise ApiError(str(error), param="messages") from error
        return await self.model.encode(text, bool(how.add_special_tokens))
