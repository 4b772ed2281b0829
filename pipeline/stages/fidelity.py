"""Fidelity: does the engine still say what the reference says?"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pipeline.config import RunConfig
from pipeline.engines.engine import Engine
from pipeline.metrics.fidelity import Forced, Free, effect, forced, free, pooled
from pipeline.metrics.findings import Findings
from pipeline.metrics.per_adapter import BASE
from pipeline.metrics.timeline import Timeline
from pipeline.stages.reference import Answer, Reference

NO_EFFECT = 1e-4
"""An adapter that moves no log-probability further than this, in nats, is taken to do nothing."""

SAMPLED = "free-running agreement is not defined for sampled outputs (sampling.do_sample)"
SCORELESS = "engine={} gives no log-probabilities, so only its own outputs are compared"

T = TypeVar("T")


@dataclass(frozen=True)
class _Asked:
    """What the engine said when asked after the run: by request id, and by adapter."""

    forced: dict[int, Forced] = field(default_factory=dict)
    effects: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def examine(
    config: RunConfig, reference: Reference, engine: Engine, timeline: Timeline
) -> Findings:
    """Compare the outputs of the timed run, and what the engine says when asked again.

    Free-running, the timed run's own outputs count. Teacher-forced, the engine is asked here,
    after all timing, for its log-probabilities along the reference's continuations.
    """
    if reference.trouble:
        return Findings(notes=(reference.trouble,), reference=reference.identity)
    sampled, answers = config.sampling.do_sample, reference.answers
    ran = {} if sampled else _free(answers, timeline)
    asked = _ask(answers, engine)
    silent = not asked.forced and not asked.faults
    return Findings(
        overall=pooled(asked.forced.values(), ran.values()),
        adapters={
            adapter: pooled(_of(own, asked.forced), _of(own, ran))
            for adapter, own in _by_adapter(answers).items()
        },
        effects=asked.effects,
        notes=tuple([SAMPLED] * sampled + [SCORELESS.format(config.engine.name)] * silent),
        faults=(*asked.faults, *_ineffective(asked.effects)),
        reference=reference.identity,
    )


def _free(answers: Sequence[Answer], timeline: Timeline) -> dict[int, Free]:
    """By request id; requests that failed in the timed run are left out, and reported there."""
    outputs = {each.id: each.output_ids for each in timeline.requests if not each.error}
    return {
        each.request.id: free(
            each.token_ids, outputs[each.request.id][: each.request.max_new_tokens]
        )
        for each in answers
        if each.request.id in outputs
    }


def _ask(answers: Sequence[Answer], engine: Engine) -> _Asked:
    """Score every answer, and one of each adapter without it; nothing if the engine can't score.

    Adapter by adapter, so that none is switched more often than need be.
    """
    asked = _Asked()
    for adapter, own in _by_adapter(answers).items():
        for each in own:
            request, tokens = each.request, each.token_ids
            scores = engine.score(adapter, request.prompt_ids, tokens)
            if scores is None:
                return asked
            try:
                asked.forced[request.id] = forced(each.scores, scores, tokens)
                if adapter is not None and adapter not in asked.effects:
                    bare = engine.score(None, request.prompt_ids, tokens)
                    assert bare is not None
                    asked.effects[adapter] = effect(scores, bare)
            except ValueError as error:
                asked.faults.append(f"request {request.id} ({adapter or BASE}): {error}")
    return asked


def _ineffective(effects: Mapping[str, float]) -> Iterator[str]:
    for name, change in effects.items():
        if not change > NO_EFFECT:
            yield f"adapter {name} has no effect: it changes log-probabilities by {change:g} nats"


def _by_adapter(answers: Sequence[Answer]) -> dict[str | None, list[Answer]]:
    found: dict[str | None, list[Answer]] = defaultdict(list)
    for each in answers:
        found[each.request.adapter].append(each)
    return found


def _of(answers: Sequence[Answer], found: Mapping[int, T]) -> list[T]:
    return [found[each.request.id] for each in answers if each.request.id in found]
