"""What each adapter does: nothing at all would be the base model under another name."""

from collections.abc import Sequence

from pipeline.engines.engine import Engine
from pipeline.metrics.fidelity import effect
from pipeline.stages.reference import Answer

EFFECT_TOKENS = 4
"""Places of an output at which an adapter's effect is looked for."""


def effects_alone(answers: Sequence[Answer], engine: Engine) -> dict[str, float]:
    """Largest change of a log-probability by each adapter, its first request scored alone, nats.

    With and without the adapter the engine does exactly the same arithmetic but for it, so that
    an adapter which does nothing changes nothing, however the engine rounds. Empty where the
    engine can't score.
    """
    found: dict[str, float] = {}
    for answer in answers:
        name, prompt = answer.request.adapter, answer.request.prompt_ids
        tokens = answer.token_ids[:EFFECT_TOKENS]
        if name is None or name in found:
            continue
        own, bare = engine.score(name, prompt, tokens), engine.score(None, prompt, tokens)
        if own is not None and bare is not None:
            found[name] = effect(own, bare)
    return found
