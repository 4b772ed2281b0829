"""A conversation as a body has it: of `/v1/chat/completions`, and of `/tokenize`."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.inference.sampling_params import LogprobCount, TokenCount
from pipeline.serve.errors import ApiError
from pipeline.serve.protocol.sampling import UNSERVED, SamplingFields

MOST_MESSAGES = 10_000
"""In one conversation."""

OWN_OPTIONS = ("messages", "conversations", "tools", "documents", "chat_template")
"""What a template is told that a client's options can't say."""


class TextPart(BaseModel):
    """A piece of a message; texts alone are served."""

    type: Literal["text"] = "text"
    text: str


class ChatMessage(BaseModel):
    """A turn; what else it holds is the template's to read."""

    model_config = ConfigDict(extra="allow")

    role: Annotated[str, Field(min_length=1, max_length=64)]
    content: str | list[TextPart] | None = None

    def plain(self) -> dict[str, Any]:
        """As templates take it: the content is one text."""
        content = self.content
        if isinstance(content, list):
            content = "\n".join(part.text for part in content)
        return {**(self.model_extra or {}), "role": self.role, "content": content or ""}


Messages = Annotated[list[ChatMessage], Field(min_length=1, max_length=MOST_MESSAGES)]
"""A conversation."""


class TemplateOptions(BaseModel):
    """What the template is told beside the turns, and how what it writes is tokenised."""

    add_generation_prompt: bool | None = True
    continue_final_message: bool | None = False
    add_special_tokens: bool | None = None
    chat_template_kwargs: dict[str, Any] | None = None

    def options(self) -> dict[str, Any]:
        """What the template is told beside the turns.

        Raises:
            ApiError: it is told two things that can't both be.
        """
        given = dict(self.chat_template_kwargs or {})
        if taken := [name for name in given if name in OWN_OPTIONS]:
            raise ApiError(
                f"chat_template_kwargs: {taken[0]} can't be said here", param="chat_template_kwargs"
            )
        generation = self.add_generation_prompt is not False
        go_on = bool(self.continue_final_message)
        if generation and go_on:
            raise ApiError(
                "continue_final_message and add_generation_prompt can't both be true",
                param="continue_final_message",
            )
        return given | {"add_generation_prompt": generation, "continue_final_message": go_on}


class ChatCompletionRequest(SamplingFields, TemplateOptions):
    """A conversation that is to go on."""

    unserved: ClassVar[Mapping[str, Sequence[Any]]] = {
        **UNSERVED,
        "tools": [[]],
        "tool_choice": ["none"],
        "functions": [[]],
        "function_call": ["none"],
        "audio": [],
        "modalities": [["text"]],
        "prediction": [],
        "web_search_options": [],
        "documents": [[]],
        "chat_template": [],
        "echo": [False],
        "mm_processor_kwargs": [],
    }

    messages: Messages
    max_tokens: Annotated[TokenCount, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[TokenCount, Field(ge=1)] | None = None
    logprobs: bool | None = False
    top_logprobs: LogprobCount | None = None

    @property
    def most_tokens(self) -> int | None:
        """Of the answer; None for as many as there is room for."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def alternatives(self) -> int | None:
        """Told with each token; None for no log-probabilities.

        Raises:
            ApiError: they are asked for without log-probabilities.
        """
        if not self.logprobs:
            if self.top_logprobs:
                raise ApiError("top_logprobs needs logprobs=true", param="top_logprobs")
            return None
        return self.top_logprobs or 0
