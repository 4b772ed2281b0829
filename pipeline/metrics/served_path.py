"""What company does to an answer: what is served, beside the same engine's answer to it alone.

Both are of one precision, so that only the order of sums may differ, and what rounding makes of
that. With activations of 8 bits it moves single tokens by nats, most of them unlikely ones, here
and there. A fault moves likely ones, or all of them in one direction. So a mean is taken that
weighs tokens by their probability, and the direction that is known, an adapter's own, looked into.

Position by position, so that a large vocabulary needs no memory.
"""

from dataclasses import dataclass
from math import sqrt
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from pipeline.metrics.distributions import Scores, kl_divergence
from pipeline.metrics.fidelity import NOT_FINITE

Row = NDArray[np.float32]
PerToken = NDArray[np.float64]


def path_kl(alone: Scores, served: Scores) -> float:
    """Divergence of what is served from the answer alone, mean over positions, nats.

    Raises:
        ValueError: a log-probability is infinite or NaN.
    """
    if not (np.isfinite(alone).all() and np.isfinite(served).all()):
        raise ValueError(NOT_FINITE)
    places = zip(alone[:, None], served[:, None], strict=True)
    return fmean(float(kl_divergence(one, other)[0]) for one, other in places)


@dataclass(frozen=True)
class AdaptedScores:
    """Scores along one answer, with an adapter and without.

    Attributes:
        own: with the adapter, (positions, vocabulary).
        bare: without it, at the first positions or at all.
    """

    own: Scores
    bare: Scores


def effect_error(alone: AdaptedScores, served: AdaptedScores) -> float:
    """How far the share of an adapter's effect that is served is from 1, for certain.

    The share is the slope of the least-squares line through the origin from the adapter's effect,
    own − bare of the answer alone, to what is served of it, over the whole vocabulary. Of its
    distance from 1 the standard error is taken off, for which a position is one observation: what
    is rounded otherwise moves all of its tokens together. How much rounding moves is seen without
    the adapter. So one that does little beside rounding isn't judged by it.

    Args:
        alone: both at all positions.
        served: among others; without the adapter at some positions.

    Raises:
        ValueError: a log-probability is infinite or NaN.
    """
    count = len(alone.own)
    effect = along = rounded = 0.0
    for bare, own, served_own in zip(alone.bare, alone.own, served.own, strict=True):
        moved = _moved(own, bare)
        effect += float(moved @ moved) / count
        along += float(_moved(served_own, own) @ moved) / count
    for bare, served_bare in zip(alone.bare, served.bare, strict=False):
        moved = _moved(served_bare, bare)
        rounded += float(moved @ moved) / len(served.bare)
    if not np.isfinite(effect + along + rounded):
        raise ValueError(NOT_FINITE)
    if not effect:
        return 0.0
    return max(abs(along) / effect - sqrt(rounded / effect / count), 0.0)


def _moved(row: Row, before: Row) -> PerToken:
    """How much further up each token is than before, beside the mean of all."""
    change: PerToken = row.astype(np.float64) - before
    change -= change.mean()
    return change
