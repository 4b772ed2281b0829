"""Teacher-forced scoring: the distribution at every position of a given continuation."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.engines.multilora.decoder import Decoder
from pipeline.kernels.lora_layout import PackedAdapter
from pipeline.kernels.token_batch import Segment, TokenBatch


def score(
    decoder: Decoder, adapter: PackedAdapter | None, prompt: Sequence[int], given: Sequence[int]
) -> NDArray[np.float32]:
    """Log-probabilities (len(given), vocabulary) of every token at each place of `given`."""
    tokens = torch.tensor([*prompt, *given][:-1], dtype=torch.int32)
    count = len(tokens)
    pool = decoder.new_pool(count)
    batch = TokenBatch(
        tokens=tokens,
        positions=torch.arange(count, dtype=torch.int32),
        sequences=torch.zeros(count, dtype=torch.int32),
        block_table=torch.arange(pool.blocks, dtype=torch.int32)[None],
        segments=[Segment(adapter, 0, count)],
        outputs=torch.arange(len(prompt) - 1, count, dtype=torch.int32),
    )
    scores: NDArray[np.float32] = decoder.forward(batch, pool).log_softmax(-1).numpy()
    return scores
