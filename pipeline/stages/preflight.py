"""Preflight: whatever can be refused of a request before any of its jobs is started."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from pipeline.config.run_config import RunConfig
from pipeline.engines.settings import EngineSettings
from pipeline.errors import UsageError
from pipeline.inference.request import Request
from pipeline.stages.base import Base, check_quantization
from pipeline.stages.memory import at_once, check_needs, check_trace, room_of
from pipeline.stages.prepare import BASE_ALONE, draw, questions, serving
from pipeline.workload.trace import Trace


def preflight(configs: Iterable[RunConfig]) -> None:
    """Refuse all jobs of a request if one of them can't be run; no model is made or loaded.

    Every engine is asked, and every engine that a reference's answers come from. Whatever jobs
    have in common is looked at once.

    Raises:
        UsageError: model, adapters, engine, reference and workload of a job don't fit together.
    """
    seen = _Seen()
    for config in configs:
        check_quantization(config.model, config.engine)
        _sampled_as_asked(config)
        base = seen.base(config)
        seen.draw(config, base)
        seen.ask(config.engine, base)
        seen.question(config, base)
        seen.weigh(config, base)
        if config.fidelity.enabled:
            _ask_reference(config, seen, base)


@dataclass(frozen=True)
class _Drawn:
    """What a trace asks for.

    Attributes:
        last_s: time until its last request comes.
        lengths: those of all prompts and answers.
        together: the most requests that are sure to wait at once.
    """

    last_s: float
    lengths: tuple[tuple[int, int], ...]
    together: tuple[Request, ...]

    @classmethod
    def of(cls, trace: Trace) -> Self:
        return cls(
            sum(each[-1].scheduled_s for each in trace.iterations),
            tuple({(len(each.prompt_ids), each.max_new_tokens) for each in trace.requests}),
            tuple(at_once(trace)),
        )

    def longest(self, most: int = sys.maxsize) -> int:
        """Positions of the longest sequence, with answers of so many tokens at most."""
        return max(prompt + min(answer, most) for prompt, answer in self.lengths)


@dataclass(frozen=True)
class _Seen:
    """What was looked at already: by the settings of model, adapters, workload and engine."""

    bases: dict[str, Base] = field(default_factory=dict)
    asked: set[tuple[str, int]] = field(default_factory=set)
    drawn: dict[str, _Drawn] = field(default_factory=dict)
    questions: dict[str, int] = field(default_factory=dict)

    def base(self, config: RunConfig) -> Base:
        key = repr((config.model, config.adapters))
        if key not in self.bases:
            self.bases[key] = Base.preview(config.model, config.adapters)
        return self.bases[key]

    def ask(self, engine: EngineSettings, base: Base) -> None:
        key = (repr(engine), id(base))
        if key not in self.asked:
            engine.check(base.checkpoint, base.adapters)
            self.asked.add(key)

    def draw(self, config: RunConfig, base: Base) -> None:
        """Every trace is drawn: whatever is wrong with a file or a law is said before anything."""
        key = _asked_of(config)
        if key not in self.drawn:
            check_trace(config)
            config.workload.check(config.adapters.names() or BASE_ALONE)
            self.drawn[key] = _Drawn.of(
                draw(config, base.checkpoint.config, base.adapters.values())
            )
        _in_time(config, self.drawn[key].last_s)
        config.engine.check_length(base.checkpoint.config, self.drawn[key].longest())

    def question(self, config: RunConfig, base: Base) -> None:
        """The questions by which quality is judged must be whole, and fit model and engine."""
        key = repr((config.model, config.adapters, config.quality, config.engine.computes))
        if key not in self.questions:
            asked = questions(config, base.checkpoint.config, base.adapters.values())
            self.questions[key] = max((each.tokens for each in asked), default=0)
        if longest := self.questions[key]:
            config.engine.check_length(base.checkpoint.config, longest)

    def weigh(self, config: RunConfig, base: Base) -> None:
        """Whether the engine fits into memory with the most that it is asked at once."""
        together = self.drawn[_asked_of(config)].together
        built_from = serving(config, base.checkpoint, base.adapters.values())
        check_needs(config.engine.needs(built_from, together), room_of(config))

    def longest(self, config: RunConfig) -> int:
        """Positions that the reference needs for the longest request it may be asked."""
        return self.drawn[_asked_of(config)].longest(config.fidelity.max_tokens)


def _asked_of(config: RunConfig) -> str:
    return repr((config.model, config.adapters, config.workload, config.sampling))


def _in_time(config: RunConfig, last_s: float) -> None:
    limit = config.limits.seconds
    if config.isolation == "process" and config.capacity is None and last_s >= limit:
        raise UsageError(
            f"limits.seconds={limit:g}: ends the job before its last request comes, after "
            f"{last_s:.4g} s; raise the limit, or let requests come faster"
        )


def _ask_reference(config: RunConfig, seen: _Seen, base: Base) -> None:
    """By what it is to answer: the excerpt, which may ask for less than the trace."""
    engine = config.fidelity.reference
    config.model.truth(base.checkpoint)
    try:
        seen.ask(engine, base)
        engine.check_length(base.checkpoint.config, seen.longest(config))
    except UsageError as error:
        raise UsageError(
            f"fidelity.reference.name={engine.name}: {error} "
            "(engine@fidelity.reference=… chooses another, fidelity.enabled=false none)"
        ) from error


def _sampled_as_asked(config: RunConfig) -> None:
    asked = Request("any", None, prompt_ids=(), sampling=config.sampling.params())
    if lacking := config.engine.refusal(asked):
        raise UsageError(f"sampling asks for more than engine={config.engine.name} does: {lacking}")
