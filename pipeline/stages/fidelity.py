"""Fidelity: does the engine still say what the reference says?"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
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
    asked, faults = _forced(answers, engine)
    effects = _effects(answers, engine) if asked else {}
    silent = not asked and not faults
    return Findings(
        overall=pooled(asked.values(), ran.values()),
        adapters={
            adapter: pooled(_of(own, asked), _of(own, ran))
            for adapter, own in _by_adapter(answers).items()
        },
        effects=effects,
        notes=tuple([SAMPLED] * sampled + [SCORELESS.format(config.engine.name)] * silent),
        faults=(*faults, *_ineffective(effects)),
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


def _forced(answers: Sequence[Answer], engine: Engine) -> tuple[dict[int, Forced], list[str]]:
    """By request id, and what was wrong with the scores; nothing of an engine that can't score."""
    found, faults = {}, []
    for each in answers:
        request = each.request
        scores = engine.score(request.adapter, request.prompt_ids, each.token_ids)
        if scores is None:
            break
        try:
            found[request.id] = forced(each.scores, scores, each.token_ids)
        except ValueError as error:
            faults.append(f"request {request.id} ({request.adapter or BASE}): {error}")
    return found, faults


def _effects(answers: Sequence[Answer], engine: Engine) -> dict[str, float]:
    """What each adapter changes, on the first answer of it."""
    effects = {}
    for adapter, own in _by_adapter(answers).items():
        if adapter is None:
            continue
        prompt, tokens = own[0].request.prompt_ids, own[0].token_ids
        adapted, bare = (engine.score(name, prompt, tokens) for name in (adapter, None))
        if adapted is not None and bare is not None:
            effects[adapter] = effect(adapted, bare)
    return effects


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
