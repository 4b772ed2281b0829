"""Fidelity: did the engine serve what the reference would have?"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.config.run_config import RunConfig
from pipeline.inference.engine import Engine
from pipeline.inference.events import UNKNOWN
from pipeline.metrics.fidelity import Forced, Free, free, pooled
from pipeline.metrics.findings import Figures, Findings
from pipeline.metrics.floors import INVARIANT, missed, missed_by_default, strayed, tolerance
from pipeline.metrics.served import NAME, Served, served_agreement
from pipeline.metrics.timeline import Timeline
from pipeline.stages.forcing import Lesson, lesson
from pipeline.stages.pair import Pair, alone
from pipeline.stages.reference import Reference, ReferenceAnswer
from pipeline.workload.request import TraceRequest

NO_EFFECT = 1e-4
"""An adapter that moves no log-probability further than this, in nats, is taken to do nothing."""

UNJUDGED = "what was served can't be judged token by token: outputs are {}"
DRAWN = UNJUDGED.format("drawn (sampling.do_sample)")
SHAPED = UNJUDGED.format("penalised, or end by more than the model's own end (sampling)")
SCORELESS = "engine={} can't be led along given tokens, so only its own outputs are compared"


@dataclass(frozen=True)
class _Compared:
    """One of the reference's answers and what there is to hold against it."""

    adapter: str | None
    forced: Forced | None
    free: Free | None
    served: Served | None


def examine(
    config: RunConfig,
    reference: Reference,
    engine: Engine,
    timeline: Timeline,
    trace: Sequence[TraceRequest],
) -> Findings:
    """Compare the outputs of the timed run, and what the engine says when led along others.

    What was served is the timed run's own. Teacher-forced, the engine is asked here, after all
    timing, to serve the reference's answers, all of them at once.
    """
    if reference.trouble:
        return Findings(notes=(reference.trouble,), reference=reference.identity)
    unjudged = [] if config.sampling.is_plain else [DRAWN if config.sampling.do_sample else SHAPED]
    led = lesson(reference.answers, trace, engine)
    learnt = led or Lesson()
    found = list(_compared(reference.answers, learnt, None if unjudged else timeline))
    excused, plain = _excused(config, found), alone(reference.answers, engine)
    effects, strays = _effects(learnt.pairs, plain), _strays(learnt.pairs, plain)
    return Findings(
        overall=_figures(found, excused, strays),
        adapters={name: _figures(own, excused, strays) for name, own in _by_adapter(found).items()},
        effects=effects,
        notes=(*unjudged, *[SCORELESS.format(config.engine.name)] * (led is None)),
        faults=(*learnt.faults, *_ineffective(effects)),
        reference=reference.identity,
        served=tuple(each.served for each in found if each.served),
        excused=excused,
    )


def judge(config: RunConfig, findings: Findings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Why the run is INVALID, and what is only a caution, one line each.

    A floor that was set replaces the precision's own of its kind. Random weights leave a model's
    tokens so near to each other that a correct engine may miss one, so there they only caution.
    Nothing of that moves what an engine says beside what it says to one request alone.
    That the reference had no answers is a caution too.
    """
    stated, precision, kept = config.fidelity, config.precision, tolerance(config.precision)
    most = INVARIANT if config.engine.batch_invariant else kept.max_path_kl
    reasons = (*missed(findings, stated.min_agreement, stated.max_kl), *strayed(findings, most))
    if not config.engine.computes:
        return reasons, ()
    unseen = tuple(f"nothing says how faithful it was: {note}" for note in findings.notes)
    unseen *= stated.enabled and not findings.overall
    doubts = missed_by_default(
        findings,
        precision,
        kept.min_agreement if stated.min_agreement is None else None,
        kept.max_kl if stated.max_kl is None else None,
    )
    if config.model.trained:
        return (*reasons, *doubts), unseen
    return reasons, (*doubts, *unseen)


def _compared(
    answers: Sequence[ReferenceAnswer], learnt: Lesson, timeline: Timeline | None
) -> Iterator[_Compared]:
    """Requests that failed in the timed run were served nothing, which is told elsewhere.

    Nor is an output compared of which a server didn't tell all tokens.
    """
    rows = timeline.requests if timeline else ()
    told = (row for row in rows if not row.error and UNKNOWN not in row.output_ids)
    outputs = {row.id: row.output_ids for row in told}
    for answer in answers:
        request, tokens, scores = answer.request, answer.token_ids, answer.scores
        output, asked = outputs.get(request.id), request.max_new_tokens
        yield _Compared(
            request.adapter,
            learnt.forced.get(request.id),
            None if output is None else free(tokens, output[:asked]),
            None if output is None else Served.of(request.id, asked, tokens, scores, output),
        )


def _excused(config: RunConfig, found: Sequence[_Compared]) -> float:
    """The logit error that was measured, as far as it can be this precision's own."""
    most = tolerance(config.precision).max_error
    measured = [float(each.forced.error.max()) for each in found if each.forced]
    return min(most, max(measured, default=most))


def _figures(
    found: Sequence[_Compared], excused: float, strays: Mapping[str | None, Figures]
) -> dict[str, float]:
    """Of some of the answers and their adapters, as far as there is something to compare."""
    figures = pooled(
        [each.forced for each in found if each.forced], [each.free for each in found if each.free]
    )
    agreement = served_agreement([each.served for each in found if each.served], excused)
    if agreement is not None:
        figures = {NAME: agreement} | figures
    own = [strays[each.adapter] for each in found if each.adapter in strays]
    names = dict.fromkeys(name for each in own for name in each)
    return figures | {name: max(each[name] for each in own if name in each) for name in names}


Pairs = Mapping[str | None, Pair]


def _effects(served: Pairs, plain: Pairs) -> dict[str, float]:
    """The smaller of an adapter's effects: on what is served, and on a request alone."""
    found: dict[str, float] = {}
    for name, pair in (*served.items(), *plain.items()):
        if name is not None and (change := pair.effect) is not None:
            found[name] = min(change, found.get(name, change))
    return found


def _strays(served: Pairs, plain: Pairs) -> dict[str | None, Figures]:
    """By adapter, where the engine can be led as well as asked for one request alone."""
    found: dict[str | None, Figures] = {}
    for name in filter(plain.__contains__, served):
        alone, among = plain[name], served[name]
        error = alone.effect_error(among)
        found[name] = {"path_kl": alone.path_kl(among)} | (
            {} if error is None else {"effect_error": error}
        )
    return found


def _ineffective(effects: Mapping[str, float]) -> Iterator[str]:
    for name, change in effects.items():
        if not change > NO_EFFECT:
            yield f"adapter {name} has no effect: it changes log-probabilities by {change:g} nats"


def _by_adapter(found: Sequence[_Compared]) -> dict[str | None, list[_Compared]]:
    groups: dict[str | None, list[_Compared]] = defaultdict(list)
    for each in found:
        groups[each.adapter].append(each)
    return groups
