"""How the tokens of one request are chosen, and the ranges of what may be asked for.

The ranges are types of their own, so that a run's settings and a request's parameters are held to
the same ones.
"""

from typing import Annotated

from pydantic import AfterValidator, Field, Strict
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT, Seed

MOST_TOKENS = 10_000_000
"""Of an output."""
COLDEST, HOTTEST = 1e-6, 1e6
"""Temperatures that leave a logit within float32."""


def _greedy_or_warm(temperature: float) -> float:
    if 0 < temperature < COLDEST:
        raise ValueError(f"must be 0, which is greedy, or at least {COLDEST:g}")
    return temperature


Temperature = Annotated[float, Field(ge=COLDEST, le=HOTTEST)]
"""Divides the logits."""
TopP = Annotated[float, Field(gt=0, le=1)]
"""A share of the probability."""
TopK = Annotated[int, Field(ge=0, le=MOST_TOKENS)]
"""How many tokens; 0 for all."""
MinP = Annotated[float, Field(ge=0, le=1)]
"""A share of the likeliest token's probability."""
RepetitionPenalty = Annotated[float, Field(ge=0.01, le=100)]
"""A factor; 1 changes nothing, below 1 repetition is encouraged."""
Penalty = Annotated[float, Field(ge=-2, le=2)]
"""Subtracted from a logit; below 0 what was said is encouraged."""
TokenCount = Annotated[int, Field(ge=0, le=MOST_TOKENS)]
"""Of an output."""
StopStrings = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=256)], ...], Field(max_length=32)
]
"""Looked for at every token, hence few and short."""
StopIds = Annotated[frozenset[Annotated[int, Field(ge=0, lt=2**31)]], Field(max_length=1000)]
"""Token ids."""
LogprobCount = Annotated[int, Field(ge=0, le=100)]
"""How many alternatives to report with a token."""


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class SamplingParams:
    """How the tokens of one request are chosen, and when they are enough.

    Penalties come first, then temperature, top_k, top_p and min_p, in transformers' order.
    Constructing one with a value out of range raises pydantic's ValidationError, a ValueError that
    names field and value.

    Attributes:
        max_new_tokens: most tokens to generate.
        min_tokens: fewest, before which no end token can be chosen and no stop string ends it.
        temperature: divides the logits; 0 is greedy decoding.
        top_p: smallest set of tokens whose probability reaches it (nucleus, Holtzman et al. 2020).
        top_k: only so many of the likeliest tokens; 0 for all.
        min_p: only tokens at least so likely, relative to the likeliest (Nguyen et al. 2024).
        seed: of the draws.
        stop: strings that end the text, which is cut before them.
        stop_ids: tokens that end it, beside the model's own end tokens.
        ignore_eos: go on past the model's end tokens.
        skip_special_tokens: leave the tokenizer's special tokens out of the text.
        logprobs: how many alternatives to report with each token, besides itself; None for none.
        prompt_logprobs: the same for the tokens of the prompt.
        repetition_penalty: divides positive logits of tokens seen in prompt or output, multiplies
            negative ones (Keskar et al. 2019); 1 is none.
        presence_penalty: subtracted once from the logits of tokens that the output has.
        frequency_penalty: subtracted as often as the output has the token.
    """

    max_new_tokens: Annotated[TokenCount, Strict()] = 16
    min_tokens: Annotated[TokenCount, Strict()] = 0
    temperature: Annotated[
        float, Strict(), Field(ge=0, le=HOTTEST), AfterValidator(_greedy_or_warm)
    ] = 0.0
    top_p: Annotated[TopP, Strict()] = 1.0
    top_k: Annotated[TopK, Strict()] = 0
    min_p: Annotated[MinP, Strict()] = 0.0
    seed: Annotated[Seed, Strict()] = 0
    stop: StopStrings = ()
    stop_ids: StopIds = frozenset()
    ignore_eos: Annotated[bool, Strict()] = False
    skip_special_tokens: Annotated[bool, Strict()] = False
    logprobs: Annotated[LogprobCount, Strict()] | None = None
    prompt_logprobs: Annotated[LogprobCount, Strict()] | None = None
    repetition_penalty: Annotated[RepetitionPenalty, Strict()] = 1.0
    presence_penalty: Annotated[Penalty, Strict()] = 0.0
    frequency_penalty: Annotated[Penalty, Strict()] = 0.0

    @property
    def is_greedy(self) -> bool:
        """Whether the likeliest token is taken, and none drawn."""
        return self.temperature == 0

    @property
    def has_penalties(self) -> bool:
        """Whether what was said before changes what comes next."""
        return (
            self.repetition_penalty != 1
            or self.presence_penalty != 0
            or self.frequency_penalty != 0
        )

    def end_ids(self, model: frozenset[int]) -> frozenset[int]:
        """Tokens that end the request.

        Args:
            model: the model's own end tokens.
        """
        return self.stop_ids if self.ignore_eos else self.stop_ids | model
