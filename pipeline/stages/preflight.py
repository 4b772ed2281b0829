"""Preflight: whatever can be refused of a request before any of its jobs is started."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.dialects.base_copies import check_copies
from pipeline.config.run_config import RunConfig
from pipeline.engines.settings import EngineSettings
from pipeline.errors import UsageError
from pipeline.inference.request import Request
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.quantization import Quantization
from pipeline.models.source import ModelSource
from pipeline.stages.disk import check_disk
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
        _refuse_quantised_experts(config, base.checkpoint)
        seen.draw(config, base)
        seen.ask(config.engine, base)
        seen.question(config, base)
        seen.weigh(config, base)
        if config.fidelity.enabled:
            _ask_reference(config, seen, base)


@dataclass(frozen=True, eq=False)
class _Base:
    """A model and its adapters, as far as they are known before they are made."""

    checkpoint: Checkpoint
    adapters: Mapping[str, Adapter]


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

    bases: dict[str, _Base] = field(default_factory=dict)
    asked: set[tuple[str, int]] = field(default_factory=set)
    drawn: dict[str, _Drawn] = field(default_factory=dict)
    questions: dict[str, int] = field(default_factory=dict)

    def base(self, config: RunConfig) -> _Base:
        key = repr((config.model, config.adapters))
        if key not in self.bases:
            checkpoint = config.model.preview()
            adapters = config.adapters.preview(checkpoint.config)
            for adapter in adapters:
                check_copies(adapter.lora, checkpoint)
            check_disk(checkpoint, adapters)
            self.bases[key] = _Base(checkpoint, {each.name: each for each in adapters})
        return self.bases[key]

    def ask(self, engine: EngineSettings, base: _Base) -> None:
        key = (repr(engine), id(base))
        if key not in self.asked:
            engine.check(base.checkpoint, base.adapters)
            self.asked.add(key)

    def draw(self, config: RunConfig, base: _Base) -> None:
        """Every trace is drawn: whatever is wrong with a file or a law is said before anything."""
        key = _asked_of(config)
        if key not in self.drawn:
            check_trace(config)
            config.workload.check(config.adapters.names() or BASE_ALONE)
            self.drawn[key] = _Drawn.of(draw(config, base.checkpoint.config))
        _in_time(config, self.drawn[key].last_s)
        config.engine.check_length(base.checkpoint.config, self.drawn[key].longest())

    def question(self, config: RunConfig, base: _Base) -> None:
        """The questions by which quality is judged must be whole, and fit model and engine."""
        key = repr((config.model, config.adapters, config.quality, config.engine.computes))
        if key not in self.questions:
            asked = questions(config, base.checkpoint.config)
            self.questions[key] = max((each.tokens for each in asked), default=0)
        if longest := self.questions[key]:
            config.engine.check_length(base.checkpoint.config, longest)

    def weigh(self, config: RunConfig, base: _Base) -> None:
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


def _ask_reference(config: RunConfig, seen: _Seen, base: _Base) -> None:
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


def check_quantization(model: ModelSource, engine: EngineSettings) -> None:
    """Refuse a base that is to be stored in a way that the engine can't serve.

    Raises:
        UsageError: it can't, or the library that it takes isn't there.
    """
    wanted = model.quantization
    if wanted not in engine.quantizations:
        raise UsageError(
            f"model.quantization={wanted} can't be combined with engine={engine.name}, which takes "
            "the base unquantised; use engine=peft_hotswap or engine=peft_mixed"
        )
    wanted.need_library()


def _refuse_quantised_experts(config: RunConfig, checkpoint: Checkpoint) -> None:
    """Bitsandbytes quantises linear layers, and transformers keeps experts as parameters."""
    if config.model.quantization is not Quantization.NONE and checkpoint.config.experts:
        raise UsageError(
            f"model.quantization={config.model.quantization}: the experts of {checkpoint.folder} "
            "would stay as they are; use engine=multilora or engine=llama_cpp in a precision of "
            "fewer bits"
        )


def _sampled_as_asked(config: RunConfig) -> None:
    asked = Request("any", None, prompt_ids=(), sampling=config.sampling.params())
    if lacking := config.engine.refusal(asked):
        raise UsageError(f"sampling asks for more than engine={config.engine.name} does: {lacking}")
