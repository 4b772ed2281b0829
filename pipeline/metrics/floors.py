"""Floors of fidelity: what a run must reach to be VALID, and what each precision is held to."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from pipeline.metrics.findings import Findings
from pipeline.metrics.per_adapter import BASE

EQUAL_TOKENS = ("token_agreement", "served_agreement")
"""Shares of equal tokens: teacher-forced, and of what the timed run served."""


@dataclass(frozen=True)
class Tolerance:
    """What correct engines keep with room and a plainly wrong one misses; see docs/metrics.md.

    Attributes:
        min_agreement: lowest `served_agreement` of any adapter.
        max_kl: highest `mean_kl` of any adapter, nats.
        max_error: largest logit error that excuses a differing token, nats, whatever was measured:
            a broken engine measures a large one.
        max_path_kl: largest `path_kl` of any adapter, nats, of an engine whose sums depend
            on the batch.
    """

    min_agreement: float
    max_kl: float
    max_error: float
    max_path_kl: float


INVARIANT = 1e-9
"""Largest `path_kl` where sums don't depend on the batch, nats: logarithms alone are rounded."""

MAX_EFFECT_ERROR = 0.01
"""Largest `effect_error` of any adapter, in every precision: its standard error is taken off."""

SINGLE = Tolerance(min_agreement=0.9, max_kl=0.001, max_error=0.05, max_path_kl=1e-5)
HALF = Tolerance(min_agreement=0.8, max_kl=0.01, max_error=0.5, max_path_kl=0.01)
EIGHT_BIT = Tolerance(min_agreement=0.7, max_kl=0.03, max_error=1.0, max_path_kl=0.1)
FOUR_BIT = Tolerance(min_agreement=0.5, max_kl=0.3, max_error=3.0, max_path_kl=0.1)

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


def missed(
    findings: Findings, min_agreement: float | None, max_kl: float | None
) -> tuple[str, ...]:
    """Why the run is INVALID: every floor that some adapter misses, and faults whatever the floors.

    Each adapter has to keep a floor for itself: one that is wrong among many that are right would
    vanish in the mean. A floor that can't be judged isn't kept.

    Args:
        findings: what the comparison found.
        min_agreement: lowest share of equal tokens, teacher-forced as well as served; where
            neither was measured, free-running; None sets no floor.
        max_kl: highest mean divergence, nats; None sets no limit.
    """
    reasons = list(findings.faults)
    if min_agreement is not None:
        measured = [name for name in EQUAL_TOKENS if name in findings.overall]
        floor = f"fidelity.min_agreement={min_agreement:g}"
        for name in measured or ["free_running_agreement"]:
            reasons += _missing(findings, name, floor, lambda value: value < min_agreement)
    if max_kl is not None:
        floor = f"fidelity.max_kl={max_kl:g}"
        reasons += _missing(findings, "mean_kl", floor, lambda value: value > max_kl)
    return tuple(reasons)


def missed_by_default(
    findings: Findings, precision: str, min_agreement: float | None, max_kl: float | None
) -> tuple[str, ...]:
    """Every floor of a precision that some adapter misses, where it could be judged.

    Equal tokens are those that were served. Teacher-forced, `mean_kl` judges the same logits as
    `token_agreement`, and near-ties, of which a small excerpt may have many, don't move it.

    Args:
        findings: what the comparison found.
        precision: its name.
        min_agreement: lowest `served_agreement`; None where another floor was set.
        max_kl: highest `mean_kl`, nats; None where another limit was set.
    """
    reasons: list[str] = []
    if min_agreement is not None and "served_agreement" in findings.overall:
        floor = f"{min_agreement:g}, the least that {precision} must keep"
        reasons += _missing(findings, "served_agreement", floor, lambda v: v < min_agreement)
    if max_kl is not None and "mean_kl" in findings.overall:
        floor = f"{max_kl:g}, the most that {precision} may have"
        reasons += _missing(findings, "mean_kl", floor, lambda v: v > max_kl)
    return tuple(reasons)


def strayed(findings: Findings, max_path_kl: float) -> tuple[str, ...]:
    """Every adapter to whose requests more is done on the path that serves than rounding does.

    Args:
        findings: what the comparison found; of an engine that can't score it has neither figure.
        max_path_kl: highest `path_kl`, nats.
    """
    said = "(what is served, beside the engine's own answer to one request alone)"
    reasons: list[str] = []
    for name, limit in {"path_kl": max_path_kl, "effect_error": MAX_EFFECT_ERROR}.items():
        if name in findings.overall:
            most = f"{limit:g}, the most that rounding does {said}"
            reasons += _missing(findings, name, most, partial(operator.lt, limit))
    return tuple(reasons)


def _missing(
    findings: Findings, name: str, floor: str, wrong: Callable[[float], bool]
) -> list[str]:
    """One line that names the adapters which miss a floor, or says that it can't be judged."""
    if name not in findings.overall:
        why = "; ".join((*findings.notes, *findings.faults)) or "nothing was compared"
        return [f"{name} was not measured, so {floor} is not kept: {why}"]
    found = [
        f"{adapter or BASE} {figures[name]:.3g}"
        for adapter, figures in findings.adapters.items()
        if name in figures and wrong(figures[name])
    ]
    return [f"{name} misses {floor}: {', '.join(found)}"] if found else []
