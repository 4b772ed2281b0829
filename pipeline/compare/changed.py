"""Runs of one sweep that were made from other files than its first: they answer something else."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pipeline.compare.run import Run

PARTS = {"model": ("model",), "adapters": ("model", "adapters")}
"""What is hashed, and the settings that decide it."""


def marked(runs: Sequence[Run]) -> list[Run]:
    """The runs of a sweep, INVALID where a file was replaced since the first that was so set.

    Args:
        runs: of one sweep, on whatever machines.
    """
    first: dict[tuple[Any, ...], tuple[str, str]] = {}
    reasons: dict[str, list[str]] = {}
    for run in sorted(runs, key=lambda each: each.started or ""):
        for part, sections in PARTS.items():
            if not (own := (run.environment.get("hashes") or {}).get(part)):
                continue
            kept, whose = first.setdefault(_key(run, part, sections), (own, run.name))
            if kept != own:
                line = f"the {part}'s files aren't those of {whose}: they were changed in between"
                reasons.setdefault(run.name, []).append(line)
    return [_invalid(run, reasons.get(run.name, ())) for run in runs]


def _key(run: Run, part: str, sections: Sequence[str]) -> tuple[Any, ...]:
    settings = (
        (name, str(value))
        for name, value in sorted(run.settings.items())
        if name.split(".")[0] in sections
    )
    return part, run.environment.get("machine_id"), *settings


def _invalid(run: Run, reasons: Sequence[str]) -> Run:
    if not reasons or run.state != "FINISHED":
        return run
    return replace(run, validity="INVALID", reasons=(*run.reasons, *reasons))
