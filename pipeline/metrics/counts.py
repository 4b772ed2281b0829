"""How many: requests, failures and tokens."""

from collections.abc import Iterable, Sequence

from pipeline.metrics.percentiles import Value
from pipeline.metrics.timeline import RequestRecord


def finished(requests: Iterable[RequestRecord]) -> list[RequestRecord]:
    """The requests that ended without an error."""
    return [each for each in requests if each.error is None]


def prompt_tokens(requests: Iterable[RequestRecord]) -> int:
    """Tokens of the prompts that were read; a request that failed before its first token adds none.

    Else an engine that refuses long prompts would look faster for it.
    """
    read = (each for each in requests if each.error is None or each.output_ids)
    return sum(each.prompt_tokens for each in read)


def output_tokens(requests: Iterable[RequestRecord]) -> int:
    """Tokens that were generated, those of failed requests included.

    Counted by the engine's own ids, never by tokenising the text again.
    """
    return sum(len(each.output_ids) for each in requests)


def counts(requests: Sequence[RequestRecord]) -> dict[str, Value]:
    """`requests`, `failed_requests`, `prompt_tokens` and `output_tokens`."""
    return {
        "requests": len(requests),
        "failed_requests": len(requests) - len(finished(requests)),
        "prompt_tokens": prompt_tokens(requests),
        "output_tokens": output_tokens(requests),
    }
