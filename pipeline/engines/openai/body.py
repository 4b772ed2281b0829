"""A request as the body of a POST."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from pipeline.engines.openai.naming import ModelNames
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams

Endpoint = Literal["completions", "chat"]
PATHS: Mapping[Endpoint, str] = {"completions": "/completions", "chat": "/chat/completions"}
"""Behind what all paths begin with."""

NAMES = {
    "max_new_tokens": "max_tokens",
    "stop_ids": "stop_token_ids",
    **{
        each: each
        for each in (
            *("min_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "stop", "ignore_eos"),
            *("repetition_penalty", "presence_penalty", "frequency_penalty"),
            "skip_special_tokens",
        )
    },
}
"""Fields of a request by our names of what they say; those of OpenAI, and beyond these vLLM's."""

ALWAYS = ("max_new_tokens", "temperature", "skip_special_tokens")
"""Said whatever they are, for servers have other defaults."""
HARMLESS = ("max_new_tokens", "logprobs", "prompt_logprobs", "skip_special_tokens")
"""What is said elsewhere, or doesn't change which tokens come."""
DRAWING = ("top_p", "top_k", "min_p", "seed")
"""Said whenever tokens are drawn, for servers have defaults of their own."""
DEFAULTS = {each.name: each.default for each in fields(SamplingParams)}  # type: ignore[arg-type]


@dataclass(frozen=True)
class BodyMaker:
    """Makes bodies of requests, as one server takes them.

    Attributes:
        endpoint: completions, or chat: there the prompt is what a user says.
        names: of the server's models.
        fields: of the body, by our names; None for what the server has no field for.
        extra: what every body holds besides.
        prefix: what all paths begin with.
    """

    endpoint: Endpoint
    names: ModelNames
    fields: Mapping[str, str | None] = field(default_factory=lambda: NAMES)
    extra: Mapping[str, Any] = field(default_factory=dict)
    prefix: str = "/v1"

    @property
    def path(self) -> str:
        """Where bodies are sent to."""
        return self.prefix + PATHS[self.endpoint]

    def body(self, request: Request, prompt: str | Sequence[int]) -> dict[str, Any]:
        """Of a request.

        Args:
            request: what is asked.
            prompt: its text or its ids.

        Raises:
            UsageError: its adapter isn't known.
        """
        said = {"messages": [{"role": "user", "content": prompt}]}
        asked = said if self.endpoint == "chat" else {"prompt": prompt}
        return {
            **self.extra,
            **self.names.fields(request.adapter),
            **asked,
            **sampled(request.sampling, self.fields),
            "stream": True,
            "stream_options": {"include_usage": True} | self.extra.get("stream_options", {}),
        }


def sampled(sampling: SamplingParams, names: Mapping[str, str | None]) -> dict[str, Any]:
    """The fields that say how tokens are chosen; what is at its default only where it must be."""
    return {
        name: _plain(getattr(sampling, ours))
        for ours, name in names.items()
        if name is not None and _is_said(sampling, ours)
    }


def unsaid(sampling: SamplingParams, names: Mapping[str, str | None]) -> list[str]:
    """What is asked and the server has no field for, by our names."""
    asked = (each for each, default in DEFAULTS.items() if getattr(sampling, each) != default)
    drawing = () if sampling.is_greedy else ("temperature",)
    return [
        each for each in dict.fromkeys((*asked, *drawing)) if _is_lacking(each, sampling, names)
    ]


def _is_lacking(ours: str, sampling: SamplingParams, names: Mapping[str, str | None]) -> bool:
    if names.get(ours) is not None or ours in HARMLESS:
        return False
    return not (sampling.is_greedy and ours in DRAWING)


def _is_said(sampling: SamplingParams, ours: str) -> bool:
    value = getattr(sampling, ours)
    if ours in DRAWING:
        return not sampling.is_greedy and (ours != "top_k" or value > 0)
    return ours in ALWAYS or bool(value != DEFAULTS[ours])


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, frozenset):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value
