"""The bodies of `/tokenize` and `/detokenize`, as vLLM has them."""

from typing import Annotated

from pydantic import BaseModel, Field

from pipeline.serve.protocol.chat import Conversation
from pipeline.serve.protocol.completion import TokenId


class TokenizeText(BaseModel):
    """A text that is to be tokenised."""

    model: str | None = None
    prompt: str
    add_special_tokens: bool | None = True
    return_token_strs: bool | None = False


class TokenizeConversation(Conversation):
    """A conversation that is to be tokenised, as the chat template writes it."""

    model: str | None = None
    return_token_strs: bool | None = False


class DetokenizeRequest(BaseModel):
    """Token ids whose text is wanted."""

    model: str | None = None
    tokens: Annotated[list[TokenId], Field(max_length=10_000_000)]
