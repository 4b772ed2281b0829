"""`python -m pipeline`: Hydra composes the jobs, then they are run in order."""

import sys

from rich.console import Console

from pipeline.errors import UsageError
from pipeline.launch.plan import Plan, compose
from pipeline.launch.sweep import run_single, run_sweep


def main() -> int:
    """Compose, check everything, hand over; the exit code."""
    plan = Plan()
    try:
        plan = compose()
        plan.check()
    except UsageError as error:
        plan.tidy()
        print(error, file=sys.stderr)
        return 2
    if not plan.jobs:
        return 0
    console = Console()
    for job in plan.repeating:
        job.directory.remove_if_empty()
    for note in plan.notes():
        console.print(note, markup=False, soft_wrap=True)
    if plan.sweep is None:
        return run_single(plan.jobs[0], console)
    return run_sweep(plan.jobs, plan.sweep, console)


if __name__ == "__main__":
    sys.exit(main())
