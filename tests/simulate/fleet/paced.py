"""engine=paced with the step times of a simulation."""

from dataclasses import asdict, replace

from pipeline.metrics.step_law import StepLaw
from pipeline.simulate.steps.source import EngineTimes


def slower(times: EngineTimes, factor: float) -> EngineTimes:
    """So many times as long, all of them."""
    law = StepLaw(**{name: value * factor for name, value in asdict(times.law).items()})
    return replace(times, law=law, load_s=times.load_s * factor)


def engine_of(times: EngineTimes, room: int) -> list[str]:
    """Overrides of a server whose engine takes these times.

    Args:
        times: of steps and loads.
        room: ranks that fit in memory.
    """
    law = [f"engine.law.{name}={value!r}" for name, value in asdict(times.law).items()]
    own = (f"engine.load_s={times.load_s!r}", f"engine.adapter_ranks={room}")
    return ["engine=paced", *law, *own]
