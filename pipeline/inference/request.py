"""What is asked of an engine: a prompt, for an adapter, and how its tokens are to be chosen."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """How the tokens of one request are chosen, and when they are enough.

    Attributes:
        max_new_tokens: most tokens to generate.
        min_tokens: fewest, before which neither end tokens nor stop strings end it.
        temperature: divides the logits; 0 is greedy decoding.
        top_p: smallest set of tokens whose probability reaches it (nucleus, Holtzman et al. 2020).
        top_k: only so many of the likeliest tokens; 0 for all.
        min_p: only tokens at least so likely, relative to the likeliest.
        seed: of the draws.
        stop: strings that end the text, which is cut before them.
        stop_ids: tokens that end it, beside the model's own end tokens.
        ignore_eos: go on past the model's end tokens.
        logprobs: how many alternatives to report with each token, besides itself; None for none.
        prompt_logprobs: the same for the tokens of the prompt.
        repetition_penalty: divides positive logits of tokens seen in prompt or output, multiplies
            negative ones (Keskar et al. 2019); 1 is none.
        presence_penalty: subtracted once from the logits of tokens that the output has.
        frequency_penalty: subtracted as often as the output has the token.
    """

    max_new_tokens: int = 16
    min_tokens: int = 0
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    stop_ids: frozenset[int] = frozenset()
    ignore_eos: bool = False
    logprobs: int | None = None
    prompt_logprobs: int | None = None
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0

    @property
    def is_greedy(self) -> bool:
        """Whether the likeliest token is taken, and none drawn."""
        return self.temperature == 0


@dataclass(frozen=True, slots=True)
class Request:
    """What one user asks an engine for.

    Attributes:
        id: told back with every event; no two requests in an engine have the same.
        adapter: name of the LoRA adapter, or None for the base model.
        prompt: the text.
        prompt_ids: the same as token ids.
        sampling: how its tokens are chosen.
    """

    id: int
    adapter: str | None
    prompt: str
    prompt_ids: tuple[int, ...]
    sampling: SamplingParams = SamplingParams()

    @property
    def max_new_tokens(self) -> int:
        """Most tokens to generate."""
        return self.sampling.max_new_tokens
