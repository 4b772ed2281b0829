"""How far a precision's answers may be from the reference's before they are plainly wrong."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    """What correct engines keep with room and a plainly wrong one misses; see docs/metrics.md.

    Attributes:
        min_agreement: lowest `served_agreement` of any adapter.
        max_kl: highest `mean_kl` of any adapter, nats.
        max_error: largest logit error that excuses a differing token, nats, whatever was measured:
            a broken engine measures a large one.
        max_path_error: largest `path_error` of any adapter, nats, of an engine whose sums depend
            on the batch.
    """

    min_agreement: float
    max_kl: float
    max_error: float
    max_path_error: float


INVARIANT = 0.001
"""Largest `path_error` where sums don't depend on the batch, nats: logarithms alone are rounded."""

SINGLE = Tolerance(min_agreement=0.9, max_kl=0.001, max_error=0.05, max_path_error=0.1)
HALF = Tolerance(min_agreement=0.8, max_kl=0.01, max_error=0.5, max_path_error=0.5)
EIGHT_BIT = Tolerance(min_agreement=0.7, max_kl=0.03, max_error=1.0, max_path_error=1.0)
FOUR_BIT = Tolerance(min_agreement=0.5, max_kl=0.3, max_error=3.0, max_path_error=1.5)

BY_PRECISION: Mapping[str, Tolerance] = {
    "fp32": SINGLE,
    "f32": SINGLE,
    "bf16": HALF,
    "fp16": HALF,
    "f16": HALF,
    "int8": EIGHT_BIT,
    "q8_0": EIGHT_BIT,
    "int4": FOUR_BIT,
    "q4_0": FOUR_BIT,
    "q4_k_m": FOUR_BIT,
    "nf4": FOUR_BIT,
}


def tolerance(precision: str) -> Tolerance:
    """That of a precision; the widest of one that isn't known, such as a ready-made file's."""
    return BY_PRECISION.get(precision, FOUR_BIT)
