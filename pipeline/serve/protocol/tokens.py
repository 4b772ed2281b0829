"""The bodies of `/tokenize` and `/detokenize`, as vLLM has them."""

from typing import Annotated

from pydantic import BaseModel, Field

from pipeline.serve.protocol.chat import Messages, TemplateOptions
from pipeline.serve.protocol.completion import TokenId


class TokenizeRequest(TemplateOptions):
    """A text, or a conversation as the chat template writes it."""

    model: str | None = None
    prompt: str | None = None
    messages: Messages | None = None
    return_token_strs: bool | None = False


class DetokenizeRequest(BaseModel):
    """Token ids whose text is wanted."""

    model: str | None = None
    tokens: Annotated[list[TokenId], Field(max_length=10_000_000)]
