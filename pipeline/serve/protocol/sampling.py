"""The fields that completions and chats have in common: who is asked, and how tokens are chosen."""

from collections.abc import Mapping, Sequence
from secrets import randbits
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.inference.sampling_params import (
    HOTTEST,
    MOST_TOKENS,
    LogprobCount,
    MinP,
    Penalty,
    RepetitionPenalty,
    SamplingParams,
    StopIds,
    StopStrings,
    TokenCount,
    TopP,
)
from pipeline.serve.errors import ApiError
from pipeline.serve.protocol.response_format import ResponseFormat

MOST_CHOICES = 128
"""Answers to a prompt."""

UNSERVED: Mapping[str, Sequence[Any]] = {
    "logit_bias": [{}],
    "use_beam_search": [False],
    "length_penalty": [1],
    "include_stop_str_in_output": [False],
    "spaces_between_special_tokens": [True],
    "truncate_prompt_tokens": [],
    "prompt_logprobs": [],
    "allowed_token_ids": [],
    "bad_words": [[]],
    "structured_outputs": [],
    "guided_json": [],
    "guided_regex": [],
    "guided_choice": [],
    "guided_grammar": [],
    "priority": [0],
    "logits_processors": [[]],
    "return_tokens_as_token_ids": [False],
    "kv_transfer_params": [],
    "repetition_detection": [],
}
"""Fields of OpenAI's and vLLM's that would change the answer and aren't served, each with the
values beside null that leave it as it is. What is in neither is ignored, as vLLM does."""


class StreamOptions(BaseModel):
    """What a stream tells beside the answer."""

    model_config = ConfigDict(extra="ignore")

    include_usage: bool | None = False
    continuous_usage_stats: bool | None = False


class SamplingFields(BaseModel):
    """As OpenAI and vLLM name them; null is as good as left out."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=(), allow_inf_nan=False)
    unserved: ClassVar[Mapping[str, Sequence[Any]]] = UNSERVED

    model: Annotated[str, Field(max_length=1024)] | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=MOST_CHOICES)] | None = 1
    temperature: Annotated[float, Field(ge=0, le=HOTTEST)] | None = None
    top_p: TopP | None = None
    top_k: Annotated[int, Field(ge=-1, le=MOST_TOKENS)] | None = None
    min_p: MinP | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: Annotated[str, Field(max_length=256)] | StopStrings | None = None
    stop_token_ids: StopIds | None = None
    ignore_eos: bool | None = False
    return_token_ids: bool | None = False
    min_tokens: TokenCount | None = 0
    skip_special_tokens: bool | None = True
    repetition_penalty: RepetitionPenalty | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    response_format: ResponseFormat | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_unserved(cls, data: Any) -> Any:
        for name, defaults in cls.unserved.items() if isinstance(data, dict) else ():
            value = data.get(name)
            if value is not None and value not in defaults:
                raise ApiError(f"{name} isn't served here; leave it out", param=name)
        return data

    @property
    def choices(self) -> int:
        """Answers to each prompt."""
        return self.n or 1

    def params(
        self,
        max_new_tokens: int,
        logprobs: LogprobCount | None,
        prompt_logprobs: LogprobCount | None = None,
    ) -> SamplingParams:
        """How an engine is asked.

        A request without a seed gets one that nobody can foresee.

        Args:
            max_new_tokens: most tokens of the answer.
            logprobs: how many alternatives are told with each; None for no log-probabilities.
            prompt_logprobs: the same with each of the prompt's.

        Raises:
            ApiError: a value is out of range.
        """
        stop = (self.stop,) if isinstance(self.stop, str) else self.stop or ()
        given: dict[str, Any] = {
            "min_tokens": self.min_tokens or None,
            "top_p": self.top_p,
            "min_p": self.min_p,
            "repetition_penalty": self.repetition_penalty,
            "presence_penalty": self.presence_penalty,
            "frequency_penalty": self.frequency_penalty,
        }
        try:
            return SamplingParams(
                max_new_tokens=max_new_tokens,
                temperature=1.0 if self.temperature is None else float(self.temperature),
                top_k=max(0, self.top_k or 0),
                seed=randbits(63) if self.seed is None else self.seed % 2**63,
                stop=tuple(each for each in stop if each),
                stop_ids=self.stop_token_ids or frozenset(),
                ignore_eos=bool(self.ignore_eos),
                skip_special_tokens=self.skip_special_tokens is not False,
                logprobs=logprobs,
                prompt_logprobs=prompt_logprobs,
                **{name: value for name, value in given.items() if value is not None},
            )
        except ValidationError as error:
            fault = error.errors()[0]
            name = str(fault["loc"][0])
            raise ApiError(f"{name}: {fault['msg']}", param=name) from error
