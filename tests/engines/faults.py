"""Faults to plant where an engine serves, each by the name of what then goes wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.engines.llama_cpp import context as llama_context
from pipeline.engines.llama_cpp import engine as llama_engine
from pipeline.engines.multilora import assembly, decoder
from pipeline.engines.paged import scheduler
from pipeline.engines.transformers import base_model, peft_mixed
from pipeline.inference import token_sampler
from pipeline.kernels.token_batch import Segment

PREFILL = 8
"""Prompt tokens in a step, where prompts are to come in chunks."""


def shifted_segments(patch: pytest.MonkeyPatch) -> None:
    """Each adapter's rows begin and end a row too late."""
    right = assembly._segments

    def wrong(step: Any) -> Iterator[Segment]:
        segments = list(right(step))
        yield Segment(None, 0, 1)
        for each in segments:
            stop = min(each.stop + 1, segments[-1].stop)
            if each.start + 1 < stop:
                yield Segment(each.adapter, each.start + 1, stop)

    patch.setattr(assembly, "_segments", wrong)


def rows_mixed_up(patch: pytest.MonkeyPatch) -> None:
    """Every sequence of a step gets its neighbour's logits."""
    right = decoder.Decoder.forward
    patch.setattr(decoder.Decoder, "forward", lambda *given: right(*given).roll(1, 0))


def shared_blocks(patch: pytest.MonkeyPatch) -> None:
    """Two sequences of a step write into the same blocks of the KV pool."""
    right = assembly._table
    patch.setattr(
        assembly, "_table", lambda rows: right([rows[0], *rows[:1], *rows[2:]][: len(rows)])
    )


def second_best(patch: pytest.MonkeyPatch) -> None:
    """Not the greatest logit wins, but the one after it."""
    patch.setattr(
        token_sampler.TokenSampler,
        "_choose",
        lambda self, logits, _: np.argsort(logits, axis=1)[:, -2].tolist(),
    )


def row_before_the_last(patch: pytest.MonkeyPatch) -> None:
    """The logits are those of the row before the one that was wanted."""
    right = assembly.assemble

    def wrong(step: Any) -> Any:
        batch = right(step)
        return replace(batch, outputs=(batch.outputs - 1).clamp(min=0))

    patch.setattr("pipeline.engines.multilora.engine.assemble", wrong)


def no_adapters(patch: pytest.MonkeyPatch) -> None:
    """The base model answers for every adapter."""
    right = assembly._segments
    patch.setattr(
        assembly,
        "_segments",
        lambda step: [replace(each, adapter=None) for each in right(step)],
    )


def chance(patch: pytest.MonkeyPatch) -> None:
    """Tokens are drawn blindly."""
    generator = np.random.default_rng(0)
    patch.setattr(
        token_sampler.TokenSampler,
        "_choose",
        lambda self, logits, _: generator.integers(logits.shape[1], size=len(logits)).tolist(),
    )


def chunk_skipped(patch: pytest.MonkeyPatch) -> None:
    """The scheduler takes the second chunk of a long prompt for the third."""
    right = scheduler.PagedScheduler.plan

    def wrong(self: Any) -> Any:
        for each in self.running:
            if each.computed == PREFILL and each.pending > PREFILL:
                each.computed += PREFILL
        return right(self)

    patch.setattr(scheduler.PagedScheduler, "plan", wrong)


def positions_off_by_one(patch: pytest.MonkeyPatch) -> None:
    """Tokens after the first are put one place too far."""
    right = assembly.assemble

    def wrong(step: Any) -> Any:
        batch = right(step)
        decoding = torch.tensor([each.is_decode for each in step])[batch.sequences.long()]
        return replace(batch, positions=batch.positions + decoding.int())

    patch.setattr("pipeline.engines.multilora.engine.assemble", wrong)


def adapter_left_set(patch: pytest.MonkeyPatch) -> None:
    """The first group's adapter stays in effect for all others."""
    right = llama_context.Context.apply

    def wrong(self: Any, name: str | None) -> None:
        if self._applied is None:
            right(self, name)

    patch.setattr(llama_context.Context, "apply", wrong)


def llama_rows_mixed_up(patch: pytest.MonkeyPatch) -> None:
    """Every sequence of a decode gets its neighbour's logits."""
    right = llama_context.Context.decode
    patch.setattr(
        llama_context.Context, "decode", lambda self, chunks: np.roll(right(self, chunks), 1, 0)
    )


def another_sequences_cache(patch: pytest.MonkeyPatch) -> None:
    """A decode looks at the keys and values of its neighbour's prompt."""
    right = llama_engine._chunk

    def wrong(each: Any) -> Any:
        chunk = right(each)
        return replace(chunk, slot=chunk.slot ^ 1) if each.output else chunk

    patch.setattr(llama_engine, "_chunk", wrong)


def names_shifted(patch: pytest.MonkeyPatch) -> None:
    """Every row of a batch names its neighbour's adapter."""
    right = peft_mixed.PeftMixed.adapted

    @contextmanager
    def wrong(self: Any, adapters: Any) -> Iterator[Any]:
        with right(self, [*adapters[1:], *adapters[:1]]) as adapted:
            yield adapted

    patch.setattr(peft_mixed.PeftMixed, "adapted", wrong)


def mask_dropped(patch: pytest.MonkeyPatch) -> None:
    """Padding is read as if it were text."""
    right = base_model.BaseModel._pad

    def wrong(self: Any, prompts: Any) -> Any:
        ids, mask = right(self, prompts)
        return ids, torch.ones_like(mask)

    patch.setattr(base_model.BaseModel, "_pad", wrong)
