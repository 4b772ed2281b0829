"""An adapter's first answer with and without it: what it does, and what company does to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.inference.engine import Engine
from pipeline.metrics.distributions import Scores
from pipeline.metrics.fidelity import effect
from pipeline.metrics.served_path import AdaptedScores, effect_error, path_kl
from pipeline.stages.reference import ReferenceAnswer

EFFECT_TOKENS = 4
"""Places of an output along which a request is served again without its adapter."""


@dataclass(frozen=True)
class Pair:
    """What an engine says along the reference's answer to an adapter's first request.

    Attributes:
        own: log-probabilities or logits, (tokens, vocabulary).
        bare: the same without the adapter, perhaps at the first places alone; None for the base
            model, and for an adapter with tokens of its own, which the base can't be asked.
    """

    own: Scores
    bare: Scores | None

    @property
    def effect(self) -> float | None:
        """Largest change of a log-probability that the adapter brings about, nats.

        None where there is nothing to be changed.

        Raises:
            ValueError: a log-probability is infinite or NaN.
        """
        if self.bare is None:
            return None
        return effect(self.own[: len(self.bare)], self.bare)

    def path_kl(self, served: "Pair") -> float:
        """Divergence of what is served, with the adapter or without: the larger, nats.

        Args:
            served: of the same requests among others; this pair is of one request alone.

        Raises:
            ValueError: a log-probability is infinite or NaN.
        """
        adapted = path_kl(self.own, served.own)
        if self.bare is None or served.bare is None:
            return adapted
        return max(adapted, path_kl(self.bare[: len(served.bare)], served.bare))

    def effect_error(self, served: "Pair") -> float | None:
        """How far the share of the adapter's effect that is served is from 1, for certain.

        None where there is nothing to be changed.

        Args:
            served: as above; this pair has all places without the adapter, too.

        Raises:
            ValueError: a log-probability is infinite or NaN.
        """
        if self.bare is None or served.bare is None:
            return None
        return effect_error(
            AdaptedScores(self.own, self.bare), AdaptedScores(served.own, served.bare)
        )


def alone(answers: Sequence[ReferenceAnswer], engine: Engine) -> dict[str | None, Pair]:
    """By adapter, None for the base model: its first request, scored alone.

    With and without the adapter the engine does exactly the same arithmetic but for it, so that
    an adapter which does nothing changes nothing, however the engine rounds. Empty where the
    engine can't score.
    """
    found: dict[str | None, Pair] = {}
    for answer in answers:
        name, prompt, tokens = answer.request.adapter, answer.request.prompt_ids, answer.token_ids
        if name in found:
            continue
        own, bare = engine.score(name, prompt, tokens), None
        if name is not None and answer.base_ids:
            bare = engine.score(None, prompt, tokens)
        if own is not None:
            found[name] = Pair(own, bare)
    return found
