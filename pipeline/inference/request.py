"""What is asked of an engine: a prompt, for an adapter, and how its tokens are to be chosen."""

from dataclasses import dataclass, field

from pipeline.inference.sampling_params import SamplingParams


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
    sampling: SamplingParams = field(default_factory=SamplingParams)

    @property
    def max_new_tokens(self) -> int:
        """Most tokens to generate."""
        return self.sampling.max_new_tokens
