"""Prepare: model, adapters and trace, on disk and checked against each other."""

from dataclasses import dataclass

from pipeline.adapters.adapter import Adapter, hash_of
from pipeline.config import RunConfig
from pipeline.errors import UsageError
from pipeline.models.architecture import Architecture
from pipeline.models.checkpoint import Checkpoint
from pipeline.workload.trace import Trace

BASE_ALONE = (None,)
"""What requests name where there are no adapters."""


@dataclass(frozen=True)
class Prepared:
    """All that a run needs before its engine starts."""

    checkpoint: Checkpoint
    adapters: tuple[Adapter, ...]
    trace: Trace

    def hashes(self) -> dict[str, str]:
        """Content hashes: what was measured, to the byte."""
        return {
            "model": self.checkpoint.fingerprint(),
            "adapters": hash_of(self.adapters),
            "trace": self.trace.sha256,
        }


def prepare(config: RunConfig) -> Prepared:
    """Make or fetch the model and the adapters, and draw the trace.

    Raises:
        UsageError: they don't fit together.
    """
    checkpoint = config.model.checkpoint()
    adapters = config.adapters.adapters(checkpoint.architecture)
    config.engine.check(checkpoint, {adapter.name: adapter for adapter in adapters})
    tokenizer = checkpoint.tokenizer()
    names = [adapter.name for adapter in adapters] or BASE_ALONE
    trace = config.workload.trace(names, lambda text: tokenizer.encode(text).ids)
    _fits(trace, checkpoint.architecture)
    return Prepared(checkpoint, adapters, trace)


def _fits(trace: Trace, architecture: Architecture) -> None:
    for request in trace.requests:
        longest = len(request.prompt_ids) + request.max_new_tokens
        if longest > architecture.positions:
            raise UsageError(
                f"workload.max_new_tokens={request.max_new_tokens}: request {request.id} needs "
                f"{longest} positions, the model has {architecture.positions}"
            )
        if max(request.prompt_ids, default=0) >= architecture.vocabulary:
            raise UsageError(
                f"workload: request {request.id} has token ids beyond the model's vocabulary of "
                f"{architecture.vocabulary}"
            )
