"""How long a step of an engine takes, by what it computes: a law fitted to measured steps.

A step's time is a sum of non-negative parts: one that every step has, and so much for each token
that continues an answer, each token of a prompt, each distinct adapter, each of its ranks, and each
token × the largest rank, which only kernels cost that pad ranks to one. What depends on the length
of contexts isn't in it: it shows in how far the law is off.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError
from pydantic.dataclasses import dataclass as settings

from pipeline.errors import fault
from pipeline.metrics.engine_steps import EngineStep
from pipeline.settings import STRICT

FOLDS = 5
"""Stretches of a run, each foretold by a law that was fitted to the others."""

LONGEST_S = 3600
"""Seconds that any one thing in a step may take."""

Array = NDArray[np.float64]
Seconds = Annotated[float, Field(ge=0, le=LONGEST_S)]


@settings(frozen=True, config=STRICT, kw_only=True)
class StepLaw:
    """Seconds of a step.

    Attributes:
        step_s: of every step.
        decode_s: for each token that continues an answer.
        prefill_s: for each token of a prompt.
        adapter_s: for each distinct adapter in the step.
        rank_s: for each rank of these.
        padded_s: for each token × the largest rank of the step.
    """

    step_s: Annotated[float, Field(gt=0, le=LONGEST_S)]
    decode_s: Seconds = 0.0
    prefill_s: Seconds = 0.0
    adapter_s: Seconds = 0.0
    rank_s: Seconds = 0.0
    padded_s: Seconds = 0.0

    def seconds(
        self, decodes: int, prefill_tokens: int, adapters: int, ranks: int, largest_rank: int
    ) -> float:
        """Of a step with so many of each."""
        return (
            self.step_s
            + self.decode_s * decodes
            + self.prefill_s * prefill_tokens
            + self.adapter_s * adapters
            + self.rank_s * ranks
            + self.padded_s * (decodes + prefill_tokens) * largest_rank
        )


@dataclass(frozen=True)
class FittedLaw:
    """A law, and how well it foretells steps of the run that it wasn't fitted to.

    Attributes:
        law: fitted to all steps.
        steps: how many they were.
        r2: share of the variance of a step's seconds that the law of the other stretches explains.
        typical_error: median of |foretold ÷ measured − 1|, step by step.
        total_error: largest |foretold ÷ measured − 1| of a whole stretch's seconds.
    """

    law: StepLaw
    steps: int
    r2: float
    typical_error: float
    total_error: float


def fitted(steps: Sequence[EngineStep]) -> FittedLaw:
    """The law of those steps, in the order in which they ran.

    Raises:
        ValueError: they are too few, last no time, or no law is theirs; says what to do.
    """
    parts, seconds = _parts(steps), np.array([each.seconds for each in steps])
    if len(steps) < FOLDS * parts.shape[1]:
        few = f"{len(steps)} steps are too few; {FOLDS * parts.shape[1]} would do"
        raise ValueError(f"{few}; measure longer")
    if not np.all(seconds > 0):
        raise ValueError("a step lasted no time; measure again")
    foretold = np.empty_like(seconds)
    stretches = np.array_split(np.arange(len(steps)), FOLDS)
    for stretch in stretches:
        others = np.setdiff1d(np.arange(len(steps)), stretch)
        foretold[stretch] = parts[stretch] @ _weights(parts[others], seconds[others])
    totals = [foretold[each].sum() / seconds[each].sum() - 1 for each in stretches]
    return FittedLaw(
        law=_law(_weights(parts, seconds)),
        steps=len(steps),
        r2=float(1 - ((foretold - seconds) ** 2).sum() / ((seconds - seconds.mean()) ** 2).sum()),
        typical_error=float(np.median(np.abs(foretold / seconds - 1))),
        total_error=float(np.max(np.abs(totals))),
    )


def _law(weights: Array) -> StepLaw:
    names = ("step_s", "decode_s", "prefill_s", "adapter_s", "rank_s", "padded_s")
    found = dict(zip(names, map(float, weights), strict=True))
    if not found["step_s"]:
        raise ValueError(
            "as these steps lie, one that computes next to nothing would take no time; measure "
            "smaller ones, too, as of a lower rate"
        )
    try:
        return StepLaw(**found)
    except ValidationError as error:
        raise ValueError(f"no law is theirs: {fault(error)}; measure again") from error


def _parts(steps: Sequence[EngineStep]) -> Array:
    rows = [
        (1, each.decodes, each.prefill_tokens, each.adapters, each.ranks, each.padded)
        for each in steps
    ]
    return np.array(rows, dtype=float).reshape(len(rows), 6)


def _weights(parts: Array, seconds: Array) -> Array:
    """Non-negative least squares of relative errors, made to add up to the seconds in all.

    Long steps vary more than short ones, so it is the relative errors that are alike. They make
    the sum too small, which is what throughput depends on.
    """
    from scipy.optimize import nnls

    found, _ = nnls(parts / seconds[:, None], np.ones(len(seconds)))
    return np.asarray(found * (seconds.sum() / (parts @ found).sum()))
