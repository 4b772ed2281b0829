"""Profile: the profilers' turn, one at a time, when all timing is done."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter

from pipeline.config.run_config import RunConfig
from pipeline.errors import in_a_line
from pipeline.inference.engine import Engine
from pipeline.inference.stage_clock import mark_cost_s
from pipeline.machine.processor import name_of, processor
from pipeline.metrics.timeline import Timeline
from pipeline.profilers.profiler import Excerpt, Profile, Subject, Tool, ToolUnavailable
from pipeline.stages.passes import passes
from pipeline.stages.prepare import Prepared
from pipeline.stages.replay import Replay
from pipeline.workload.trace import Trace

log = logging.getLogger(__name__)


def profile(
    config: RunConfig, prepared: Prepared, timeline: Timeline, engine: Engine, folder: Path
) -> dict[str, Profile]:
    """What each profiler found, by its name; one that fails is a note, and the next has its turn.

    `stages`, the engine's own breakdown, is always there.
    """
    found = {"stages": _stages(engine, timeline)}
    tools = config.profiler.tools()
    if not tools:
        return found
    folder.mkdir(parents=True, exist_ok=True)
    subject = Subject(
        replay=lambda: None,
        stages=engine.clock,
        folder=folder,
        cache=Path(config.paths.cache),
        cpu=str(name_of(processor())),
        threads=timeline.threads,
        passes=passes(prepared, timeline, engine),
    )
    for tool in tools:
        serve = partial(_serve, engine, prepared.trace, tool.excerpt)
        found[tool.name] = _look(tool, subject, serve)
    return found


def _stages(engine: Engine, timeline: Timeline) -> Profile:
    """The share of the last measured iteration that the stage clock's own marks took."""
    share = engine.clock.marks * mark_cost_s() / timeline.iterations[-1].wall_s
    return Profile(figures={"stage_clock_overhead": share})


def _look(tool: Tool, subject: Subject, serve: Callable[[], None]) -> Profile:
    """One tool's turn, and how much slower the last replay it watched was than one alone.

    Of two alone the second counts: the first pays for what the tool leaves to clear away.
    """
    watched = _Timed(serve)
    try:
        found = tool.profile(replace(subject, replay=watched))
    except ToolUnavailable as why:
        return Profile(notes=(str(why),))
    except Exception as error:
        log.exception("profiler %s failed", tool.name)
        return Profile(notes=(f"failed: {in_a_line(error)[:300]}",))
    if not watched.seconds:
        return found
    slowed = watched.seconds
    watched()
    watched()
    slowdown = {f"profiler_slowdown/{tool.name}": slowed / watched.seconds}
    return replace(found, figures={**found.figures, **slowdown})


@dataclass
class _Timed:
    """A replay that says how long its last turn took; 0 when it never had one."""

    serve: Callable[[], None]
    seconds: float = 0.0

    def __call__(self) -> None:
        started = perf_counter()
        self.serve()
        self.seconds = perf_counter() - started


def _serve(engine: Engine, trace: Trace, excerpt: Excerpt) -> None:
    engine.forget_prefixes()
    first = trace.iterations[0][: excerpt.requests]
    Replay(engine, [each.capped(excerpt.tokens) for each in first], trace.max_in_flight).run(0)
