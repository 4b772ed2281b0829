"""Floors of fidelity: what a run must reach to be VALID."""

from collections.abc import Callable

from pipeline.metrics.findings import Findings
from pipeline.metrics.per_adapter import BASE


def missed(
    findings: Findings, min_agreement: float | None, max_kl: float | None
) -> tuple[str, ...]:
    """Why the run is INVALID: every floor that some adapter misses, and faults whatever the floors.

    Each adapter has to keep a floor for itself: one that is wrong among many that are right would
    vanish in the mean. A floor that can't be judged isn't kept.

    Args:
        findings: what the comparison found.
        min_agreement: lowest share of equal tokens: teacher-forced, or free-running where the
            engine gives no log-probabilities; None sets no floor.
        max_kl: highest mean divergence, nats; None sets no limit.
    """
    reasons = list(findings.faults)
    if min_agreement is not None:
        forced = "token_agreement" in findings.overall
        name = "token_agreement" if forced else "free_running_agreement"
        floor = f"fidelity.min_agreement={min_agreement:g}"
        reasons += _missing(findings, name, floor, lambda value: value < min_agreement)
    if max_kl is not None:
        floor = f"fidelity.max_kl={max_kl:g}"
        reasons += _missing(findings, "mean_kl", floor, lambda value: value > max_kl)
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
