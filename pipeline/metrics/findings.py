"""What a comparison with the reference found, for the run and for each adapter."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.metrics.definitions import ADAPTERS, NOT_MEASURED, Value
from pipeline.metrics.per_adapter import BASE, labels
from pipeline.metrics.served import Served

NAMES = (
    "served_agreement",
    "token_agreement",
    "mean_kl",
    "logprob_delta",
    "path_kl",
    "effect_error",
    "free_running_agreement",
    "common_prefix_tokens",
)
"""The figures that are metrics of a run."""

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Findings:
    """The figures, and what must be said beside them.

    Attributes:
        overall: over all positions and requests; what wasn't measured is absent.
        adapters: the same by adapter; None is the base model.
        effects: largest change of a log-probability that each adapter brings about, nats.
        notes: what could not be measured, and why.
        faults: what makes the run INVALID whatever the floors, one line each.
        reference: all that decides the reference's answers.
        served: outputs of the timed run beside the reference's.
        excused: logit error up to which a difference between them is excused, nats.
    """

    overall: Figures = field(default_factory=dict)
    adapters: Mapping[str | None, Figures] = field(default_factory=dict)
    effects: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    reference: Mapping[str, Any] = field(default_factory=dict)
    served: tuple[Served, ...] = ()
    excused: float = 0.0

    def metrics(self, asked: Iterable[str | None]) -> dict[str, Value]:
        """By the names of docs/metrics.md; `asked` are all adapters of the run, for labels."""
        label = labels({*asked, *self.adapters})
        found: dict[str, Value] = {name: self.overall.get(name, NOT_MEASURED) for name in NAMES}
        for adapter, figures in self.adapters.items():
            own = {name: value for name, value in figures.items() if name in NAMES}
            found |= {f"{ADAPTERS}{label[adapter]}/{name}": value for name, value in own.items()}
        return found

    def document(self) -> dict[str, Any]:
        """What `fidelity.json` holds."""
        return {
            "reference": dict(self.reference),
            "overall": dict(self.overall),
            "adapters": {name or BASE: dict(each) for name, each in self.adapters.items()},
            "effects": dict(self.effects),
            "notes": list(self.notes),
            "faults": list(self.faults),
            "excused": self.excused,
            "served": [each.to_json() for each in self.served],
        }
