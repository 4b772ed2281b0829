"""What was served beside what the reference would have: token by token, near-ties excused.

An engine that rounds otherwise than the reference may choose otherwise where the reference itself
was nearly undecided, and from there on both write different texts without either being wrong. So
a difference is excused where the reference's own token led the one that was served by no more than
the logit error of the engine's precision, and what follows it isn't judged. Any other difference
is a wrong token, and all that follows it counts as wrong.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from pipeline.metrics.distributions import Scores
from pipeline.metrics.fidelity import common_prefix


@dataclass(frozen=True)
class Served:
    """One request's output in the timed run, beside the reference's.

    Attributes:
        request: its id.
        reference: the reference's tokens.
        equal: tokens before the first difference.
        total: tokens that were to be equal; those that one has more than the other are among them.
        gap: nats by which the reference preferred its own token to the one that was served first
            in its place; infinite where one of the outputs ends; None where nothing differs.
    """

    request: int
    reference: tuple[int, ...]
    equal: int
    total: int
    gap: float | None

    def judged(self, error: float) -> int:
        """Tokens that count: all of them, or those before a difference that is excused."""
        return self.equal if self.gap is not None and self.gap <= error else self.total

    def to_json(self) -> dict[str, Any]:
        """What `fidelity.json` keeps, so that the figure can be computed again."""
        return {
            "request": self.request,
            "reference": list(self.reference),
            "gap": None if self.gap in (None, inf) else self.gap,
        }


def served(request: int, reference: Sequence[int], scores: Scores, output: Sequence[int]) -> Served:
    """Compare an output of the timed run with the reference's.

    Args:
        request: id of the request.
        reference: the reference's greedy tokens.
        scores: its log-probabilities along them, (tokens, vocabulary).
        output: what the measured engine served, as many tokens at most as the reference was asked.
    """
    equal = common_prefix(reference, output)
    gap = None
    if equal < min(len(reference), len(output)):
        row = scores[equal]
        gap = float(row[reference[equal]] - row[output[equal]])
    elif len(reference) != len(output):
        gap = inf
    total = max(len(reference), len(output))
    return Served(request, tuple(reference), equal, total, gap)


def served_agreement(outputs: Collection[Served], error: float) -> float | None:
    """Share of the tokens that count which are the reference's; None where none counts.

    Args:
        outputs: of the requests that are pooled.
        error: the logit error up to which a difference is excused, nats.
    """
    judged = sum(each.judged(error) for each in outputs)
    return sum(each.equal for each in outputs) / judged if judged else None
