"""The body of `POST /v1/completions`."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field

from pipeline.inference.sampling_params import LogprobCount, TokenCount
from pipeline.serve.protocol.sampling import UNSERVED, SamplingFields

MOST_PROMPTS = 1024
"""In one request."""

TokenId = Annotated[int, Field(ge=0, lt=2**31)]
PromptIds = Annotated[list[TokenId], Field(min_length=1)]


class CompletionRequest(SamplingFields):
    """A prompt, or several: texts or token ids."""

    unserved: ClassVar[Mapping[str, Sequence[Any]]] = {
        **UNSERVED,
        "suffix": [""],
        "best_of": [1],
        "prompt_embeds": [],
    }

    prompt: (
        str
        | PromptIds
        | Annotated[list[str], Field(min_length=1, max_length=MOST_PROMPTS)]
        | Annotated[list[PromptIds], Field(min_length=1, max_length=MOST_PROMPTS)]
    )
    max_tokens: Annotated[TokenCount, Field(ge=1)] | None = 16
    logprobs: LogprobCount | None = None
    echo: bool | None = False
    add_special_tokens: bool | None = True

    @property
    def prompts(self) -> list[str | list[int]]:
        """Each by itself."""
        if isinstance(self.prompt, str):
            return [self.prompt]
        if isinstance(self.prompt[0], int):
            return [self.prompt]  # type: ignore[list-item]
        return [*self.prompt]  # type: ignore[list-item]
