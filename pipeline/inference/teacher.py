"""Teacher-forcing in the path that serves: the tokens are given, the logits are looked at."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.inference.own_ids import own_ids

See = Callable[[Hashable, int, NDArray[np.float32]], None]
"""Called with a request's id, a place in its output, and the logits there of the ids that its
adapter has, (vocabulary,)."""


@dataclass(frozen=True)
class Teacher:
    """Stands behind an engine's sampler: says which token comes next, whatever the logits say.

    So the engine goes on serving as it always does, with its own scheduler, batches, adapters and
    KV cache, while every request is led along a continuation that somebody else wrote.

    Attributes:
        continuations: the tokens to give, by request id; other requests are left alone.
        see: gets the logits of every token that is given, before it is given.
    """

    continuations: Mapping[Hashable, Sequence[int]]
    see: See

    def correct(
        self,
        chosen: Sequence[int | None],
        logits: NDArray[np.float32],
        requests: Sequence[Hashable],
        places: Sequence[int],
    ) -> list[int | None]:
        """The tokens of a step, the engine's own replaced by those of the continuations.

        Args:
            chosen: what the engine's sampler chose, a token a row; None where a row isn't finite,
                and so it stays.
            logits: what it chose from, (rows, vocabulary); only valid during the call.
            requests: id of each row's request.
            places: how many tokens each row's request has already been given.
        """
        corrected = list(chosen)
        for row, (request, place) in enumerate(zip(requests, places, strict=True)):
            given = self.continuations.get(request, ())
            if place < len(given) and chosen[row] is not None:
                self.see(request, place, own_ids(logits[row]))
                corrected[row] = given[place]
        return corrected
