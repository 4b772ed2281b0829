"""How the next token is chosen; the same for every engine."""

from collections.abc import Mapping

from pydantic.dataclasses import dataclass

from pipeline.inference.sampling_params import SamplingParams, Temperature, TopP
from pipeline.settings import STRICT, Seed


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Sampling:
    """Settings of the `sampling` section.

    Attributes:
        do_sample: draw tokens; greedy decoding when off, and then the rest says nothing.
        temperature: divides the logits, which must stay within float32.
        top_p: smallest set of tokens whose probability reaches it (nucleus sampling).
        seed: of the draws.
        ignore_eos: go on past the end-of-sequence token, so that all engines do equal work.
    """

    do_sample: bool = False
    temperature: Temperature = 1.0
    top_p: TopP = 1.0
    seed: Seed = 0
    ignore_eos: bool = True

    def params(self) -> SamplingParams:
        """What every request of the run asks for, but for the number of its tokens."""
        return SamplingParams(
            temperature=self.temperature if self.do_sample else 0.0,
            top_p=self.top_p,
            seed=self.seed,
            ignore_eos=self.ignore_eos,
        )

    def idle(self) -> Mapping[str, str]:
        """Greedy decoding draws nothing."""
        if self.do_sample:
            return {}
        why = "greedy decoding draws nothing; sampling.do_sample=true would"
        return dict.fromkeys(("temperature", "top_p", "seed"), why)
