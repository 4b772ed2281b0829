"""How the next token is chosen; the same for every engine."""

from collections.abc import Mapping

from pydantic.dataclasses import dataclass

from pipeline.inference.sampling_params import (
    LogprobCount,
    MinP,
    Penalty,
    RepetitionPenalty,
    SamplingParams,
    StopIds,
    StopStrings,
    Temperature,
    TokenCount,
    TopK,
    TopP,
)
from pipeline.settings import STRICT, Seed

PENALTIES = ("repetition_penalty", "presence_penalty", "frequency_penalty")
ENDINGS = ("stop", "stop_ids")
OPTIONAL = ("top_k", "min_p", *PENALTIES, "min_tokens", *ENDINGS, "logprobs")
"""Settings that are None where they aren't used, and are `SamplingParams`' of the same names."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Sampling:
    """Settings of the `sampling` section, which every request of the run asks for.

    Attributes:
        do_sample: draw tokens; greedy decoding when off, and then what shapes draws says nothing.
        temperature: divides the logits, which must stay within float32.
        top_p: smallest set of tokens whose probability reaches it (nucleus sampling).
        top_k: only so many of the likeliest tokens.
        min_p: only tokens at least so likely, relative to the likeliest.
        seed: of the draws.
        repetition_penalty: divides or multiplies logits of tokens in prompt or output.
        presence_penalty: subtracted once from the logits of tokens that the output has.
        frequency_penalty: subtracted as often as the output has the token.
        min_tokens: fewest tokens, before which nothing but their number ends an output.
        stop: strings that end an output, which is cut before them.
        stop_ids: tokens that end it.
        ignore_eos: go on past the end-of-sequence token, so that all engines do equal work.
        logprobs: how many alternatives are found for each token, besides itself.
    """

    do_sample: bool = False
    temperature: Temperature = 1.0
    top_p: TopP = 1.0
    top_k: TopK | None = None
    min_p: MinP | None = None
    seed: Seed = 0
    repetition_penalty: RepetitionPenalty | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    min_tokens: TokenCount | None = None
    stop: StopStrings | None = None
    stop_ids: StopIds | None = None
    ignore_eos: bool = True
    logprobs: LogprobCount | None = None

    def params(self) -> SamplingParams:
        """What every request of the run asks for, but for the number of its tokens."""
        return SamplingParams(
            temperature=self.temperature if self.do_sample else 0.0,
            top_p=self.top_p,
            seed=self.seed,
            ignore_eos=self.ignore_eos,
            **{name: value for name in OPTIONAL if (value := getattr(self, name)) is not None},
        )

    @property
    def ends_early(self) -> bool:
        """Whether an output may have fewer tokens than were asked for."""
        return not self.ignore_eos or any(getattr(self, name) for name in ENDINGS)

    @property
    def is_plain(self) -> bool:
        """Whether every output is the model's likeliest tokens, up to the model's own end."""
        shaping = (*PENALTIES, "min_tokens", *ENDINGS)
        return not self.do_sample and all(getattr(self, name) is None for name in shaping)

    def idle(self) -> Mapping[str, str]:
        """What greedy decoding doesn't look at, and a least length where nothing ends early."""
        found: dict[str, str] = {}
        if not self.do_sample:
            why = "greedy decoding draws nothing; sampling.do_sample=true would"
            found |= dict.fromkeys(("temperature", "top_p", "top_k", "min_p", "seed"), why)
        if not self.ends_early:
            found["min_tokens"] = "nothing ends an output early; sampling.ignore_eos=false would"
        return found
