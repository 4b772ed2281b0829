"""How many jobs a sweep would be, told before any of them is composed."""

import math
from collections.abc import Sequence

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Glob, IntervalSweep, Override, RangeSweep

from pipeline.errors import UsageError, shortened


def refuse_too_many(overrides: Sequence[Override], limit: object, loader: ConfigLoader) -> None:
    """Refuse a sweep of more jobs than the limit, of none, or of values without number.

    Args:
        overrides: those of the experiment's own sweep, then those typed; of a name the last counts.
        limit: `limits.jobs` as it was given.
        loader: knows which choices a glob matches.

    Raises:
        UsageError: naming the number of jobs, or the override that has no values.
    """
    counts = {each.get_key_element(): _count(each, loader) for each in overrides}
    jobs = math.prod(counts.values())
    if not isinstance(limit, int) or limit < 1:
        raise UsageError(f"limits.jobs={limit}: has to be a whole number above 0")
    if jobs > limit:
        said = f"{jobs:,}" if jobs < 10**15 else f"{jobs:.3g}"
        raise UsageError(
            f"limits.jobs={limit}: the sweep has {said} jobs; give fewer values, or raise the limit"
        )


def _count(override: Override, loader: ConfigLoader) -> float:
    """Values of an override; infinity where a range never ends."""
    if not override.is_sweep_override():
        return 1
    value, typed = override.value(), shortened(str(override.input_line))
    if isinstance(value, IntervalSweep):
        raise UsageError(f"{typed}: an interval has no values to try one by one; give a range")
    if isinstance(value, RangeSweep):
        count = _length(value, typed)
    elif isinstance(value, Glob):
        count = len(value.filter(loader.get_group_options(override.key_or_group)))
    else:
        count = len(value.list)
    if count == 0:
        raise UsageError(f"{typed}: has no values, so there is nothing to run")
    return count


def _length(swept: RangeSweep, typed: str) -> float:
    start, stop, step = swept.start or 0, swept.stop or 0, swept.step
    if step == 0 or math.isnan(start) or math.isnan(stop) or math.isnan(step):
        raise UsageError(f"{typed}: a range goes from a number to a number in steps, not of 0")
    steps = (stop - start) / step
    return max(0, math.ceil(steps)) if math.isfinite(steps) else math.inf
