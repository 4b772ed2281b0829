"""What was said before makes a token less likely, or more."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.inference.sampling_params import SamplingParams


def penalised(
    logits: NDArray[np.float32],
    sampling: SamplingParams,
    prompt: Sequence[int],
    output: Sequence[int],
) -> NDArray[np.float32]:
    """A row of logits after repetition, frequency and presence penalties, in that order.

    Repetition (Keskar et al. 2019, "CTRL") looks at prompt and output and counts nothing; the
    other two are OpenAI's, which look at the output alone.

    Args:
        logits: (vocabulary,), which stay as they are.
        sampling: the penalties.
        prompt: ids of the prompt; those beyond the vocabulary can't be chosen anyway.
        output: ids generated so far.
    """
    found = logits.copy()
    if sampling.repetition_penalty != 1:
        seen = _within([*prompt, *output], len(logits))
        before, penalty = logits[seen], np.float32(sampling.repetition_penalty)
        found[seen] = np.where(before < 0, before * penalty, before / penalty)
    if output and (sampling.frequency_penalty or sampling.presence_penalty):
        said, times = np.unique(_within(output, len(logits)), return_counts=True)
        subtracted = sampling.frequency_penalty * times + sampling.presence_penalty
        found[said] -= subtracted.astype(np.float32)
    return found


def _within(ids: Sequence[int], vocabulary: int) -> NDArray[np.int64]:
    """Those of the ids that a row of logits has."""
    array = np.asarray(ids, dtype=np.int64)
    return array[array < vocabulary]
