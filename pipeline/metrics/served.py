"""What was served beside what the reference would have: token by token, near-ties excused.

An engine that rounds otherwise than the reference may choose otherwise where the reference itself
was nearly undecided, and from there on both write different texts without either being wrong. So
a difference is excused where the reference's own token led the one that was served by no more than
the logit error of the engine's precision, and what follows it isn't judged. Any other difference
is a wrong token, and all that follows it counts as wrong.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Self

from pipeline.metrics.definitions import ADAPTERS
from pipeline.metrics.distributions import Scores
from pipeline.metrics.fidelity import common_prefix
from pipeline.metrics.per_adapter import labels
from pipeline.metrics.timeline import RequestRecord

NAME = "served_agreement"


@dataclass(frozen=True)
class Served:
    """One request's output in the timed run, beside the reference's.

    Attributes:
        request: its id.
        asked: tokens that the reference was asked for.
        reference: its tokens.
        output: the measured engine's, as many as were asked for.
        gap: nats by which the reference preferred its own token to the one that was served first
            in its place; None where there is none.
    """

    request: int
    asked: int
    reference: tuple[int, ...]
    output: tuple[int, ...]
    gap: float | None

    @classmethod
    def of(
        cls,
        request: int,
        asked: int,
        reference: Sequence[int],
        scores: Scores,
        output: Sequence[int],
    ) -> Self:
        """Compare an output of the timed run with the reference's.

        Args:
            request: id of the request.
            asked: tokens that the reference was asked for; the run may have been asked for more.
            reference: the reference's greedy tokens.
            scores: its log-probabilities along them, (tokens, vocabulary).
            output: what the measured engine served.
        """
        cut = tuple(output[:asked])
        place = common_prefix(reference, cut)
        gap = None
        if place < min(len(reference), len(cut)):
            gap = float(scores[place][reference[place]] - scores[place][cut[place]])
        return cls(request, asked, tuple(reference), cut, gap)

    @property
    def equal(self) -> int:
        """Tokens before the first difference."""
        return common_prefix(self.reference, self.output)

    def judged(self, error: float) -> int:
        """Tokens that count: those before a difference that is excused, else all of both.

        An output that ends before or after the reference's isn't excused.
        """
        excused = self.gap is not None and self.gap <= error
        return self.equal if excused else max(len(self.reference), len(self.output))

    def to_json(self) -> dict[str, Any]:
        """What `fidelity.json` keeps; the output is in `requests.jsonl`."""
        reference = list(self.reference)
        return {
            "request": self.request,
            "asked": self.asked,
            "reference": reference,
            "gap": self.gap,
        }


def served_agreement(outputs: Collection[Served], error: float) -> float | None:
    """Share of the tokens that count which are the reference's; None where none counts.

    Args:
        outputs: of the requests that are pooled.
        error: the logit error up to which a difference is excused, nats.
    """
    judged = sum(each.judged(error) for each in outputs)
    return sum(each.equal for each in outputs) / judged if judged else None


def again(document: Mapping[str, Any], requests: Sequence[RequestRecord]) -> dict[str, float]:
    """The figures by name, computed again from `fidelity.json` and the rows of the run.

    Empty for a run that kept nothing to compute them from.
    """
    rows = {each.id: each for each in requests}
    found: dict[str | None, list[Served]] = {}
    for each in document.get("served", ()):
        row = rows[each["request"]]
        output = row.output_ids[: each["asked"]]
        one = Served(row.id, each["asked"], tuple(each["reference"]), output, each["gap"])
        found.setdefault(row.adapter, []).append(one)
    return dict(_figures(found, {each.adapter for each in requests}, document.get("excused", inf)))


def _figures(
    found: Mapping[str | None, list[Served]], asked: Collection[str | None], error: float
) -> Iterator[tuple[str, float]]:
    names = labels(asked)
    pools = {f"{ADAPTERS}{names[adapter]}/{NAME}": own for adapter, own in found.items()}
    for name, pool in {NAME: [each for own in found.values() for each in own], **pools}.items():
        if (share := served_agreement(pool, error)) is not None:
            yield name, share
