"""What a server sends while it answers: one event of its stream, whoever wrote the server."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import shortened

DONE = "[DONE]"
"""The data of the event after which nothing comes."""
NAMED_ID = "token_id:"
"""Begins what vLLM writes in place of a token's text under `return_tokens_as_token_ids`."""
HIGHEST_ID = 2**31


@dataclass(frozen=True, slots=True)
class StreamChunk:
    """What one event adds to an answer.

    Attributes:
        at: stamp of its arrival.
        text: what it adds to the text.
        ids: the tokens that it brings; None where the server doesn't say which they are.
        output_tokens: how many tokens the answer has by now; None where the server doesn't say.
        prompt_tokens: how many the server made of the prompt; None likewise.
        finish: why the answer ends with it, in the server's word; None where it goes on.
        error: what went wrong, in the server's words.
        cached_tokens: how many of the prompt's it found computed; None where it doesn't say.
    """

    at: float
    text: str = ""
    ids: tuple[int, ...] | None = None
    output_tokens: int | None = None
    prompt_tokens: int | None = None
    finish: str | None = None
    error: str | None = None
    cached_tokens: int | None = None

    @property
    def brings(self) -> bool:
        """Whether it has anything of the answer itself."""
        return bool(self.text or self.ids)


def read_chunk(data: str, at: float) -> StreamChunk:
    """The event with that data, of a completion or of a chat.

    Raises:
        ValueError: it isn't a JSON object, or its parts aren't what the API says.
    """
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError(f"sent what is no JSON: {shortened(data)!r}") from None
    if not isinstance(event, dict):
        raise ValueError(f"sent what is no object: {shortened(data)!r}")
    if event.get("error"):
        return StreamChunk(at, error=said_by(event))
    choice = _first(event.get("choices"))
    delta = choice.get("delta")
    text = delta.get("content") if isinstance(delta, dict) else choice.get("text")
    finish = choice.get("finish_reason")
    return StreamChunk(
        at,
        text if isinstance(text, str) else "",
        _ids(choice),
        *_counts(event),
        str(finish) if finish else None,
        cached_tokens=_cached(event),
    )


def said_by(body: Any) -> str:
    """What a server's error says, in whichever of the usual shapes; its beginning if in none."""
    found = body
    for key in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(key):
            found = found[key]
    text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    return shortened(" ".join(text.split()), 300)


def _first(choices: Any) -> Mapping[str, Any]:
    """The one choice that was asked for; a last chunk with the usage has none."""
    if not choices:
        return {}
    if not isinstance(choices, list) or not isinstance(choices[0], dict):
        raise ValueError(f"sent choices that are none: {shortened(repr(choices))}")
    return choices[0]


def _ids(choice: Mapping[str, Any]) -> tuple[int, ...] | None:
    """VLLM's `token_ids`, or ids beside the log-probabilities: llama-server's, or vLLM's names."""
    found = choice.get("token_ids")
    if found is None:
        found = _beside_logprobs(choice.get("logprobs"))
    if found is None:
        return None
    if not isinstance(found, list) or not all(map(_is_id, found)):
        raise ValueError(f"sent token ids that are none: {shortened(repr(found))}")
    return tuple(found)


def _beside_logprobs(logprobs: Any) -> Sequence[Any] | None:
    if not isinstance(logprobs, dict):
        return None
    content, tokens = logprobs.get("content"), logprobs.get("tokens")
    if isinstance(content, list):
        entries = [each if isinstance(each, dict) else {} for each in content]
        return _whole([each.get("id", _named(each.get("token"))) for each in entries])
    return _whole(list(map(_named, tokens))) if isinstance(tokens, list) else None


def _whole(ids: list[Any]) -> list[Any] | None:
    return None if None in ids else ids


def _named(token: Any) -> int | None:
    if not isinstance(token, str) or not token.startswith(NAMED_ID):
        return None
    digits = token.removeprefix(NAMED_ID)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 12 else None


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < HIGHEST_ID


def _counts(event: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Tokens of the answer by now and of the prompt: the usage's, or llama-server's `timings`.

    Those count the prompt without what was found computed.
    """
    usage, timings = event.get("usage"), event.get("timings")
    if isinstance(usage, dict):
        return _count(usage, "completion_tokens"), _count(usage, "prompt_tokens")
    return _count(timings, "predicted_n") if isinstance(timings, dict) else None, None


def _cached(event: Mapping[str, Any]) -> int | None:
    """The usage's count, or llama-server's."""
    usage, timings = event.get("usage"), event.get("timings")
    details = usage.get("prompt_tokens_details") if isinstance(usage, dict) else None
    if isinstance(details, dict):
        return _count(details, "cached_tokens")
    return _count(timings, "cache_n") if isinstance(timings, dict) else None


def _count(said: Mapping[str, Any], name: str) -> int | None:
    return said[name] if _is_id(said.get(name)) else None
