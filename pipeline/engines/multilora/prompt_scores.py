"""Log-probabilities of prompts, out of the logits of the steps that read them."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.engines.paged.sequence import Chunk
from pipeline.inference.events import PromptScored
from pipeline.inference.logprobs import given_logprobs

Logits = NDArray[np.float32]


def score_prompts(step: Sequence[Chunk[Any]], logits: Logits) -> Logits:
    """Add what a step says of prompts that are scored.

    What an earlier reading said of the same tokens, before a preemption, is said anew.

    Args:
        step: its chunks, not yet advanced.
        logits: of their outputs, (outputs, vocabulary).

    Returns:
        Those rows from which tokens are chosen: the last of every chunk that yields one.
    """
    if all(chunk.sequence.scores is None for chunk in step):
        return logits
    last, stop = [], 0
    for chunk in step:
        start, stop = stop, stop + len(chunk.outputs)
        _add(chunk, logits[start:stop])
        if chunk.yields:
            last.append(stop - 1)
    return logits[last]


def _add(chunk: Chunk[Any], logits: Logits) -> None:
    sequence = chunk.sequence
    if sequence.scores is not None:
        begin = sequence.computed + 1
        given = sequence.prompt[begin : begin + chunk.count]
        top = sequence.request.sampling.prompt_logprobs or 0
        sequence.scores[begin:] = given_logprobs(logits, given, top)


def told_scores(step: Sequence[Chunk[Any]], at: float) -> Iterator[PromptScored]:
    """Of the prompts that a step has read to their ends, which needn't be scored any more."""
    for chunk in step:
        sequence = chunk.sequence
        if sequence.scores is not None and chunk.yields:
            scores, sequence.scores = sequence.scores, None
            yield PromptScored(sequence.id, at, scores)
