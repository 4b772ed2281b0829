"""`python -m pipeline`: Hydra composes the jobs, then they are run in order."""

import signal
import sys
from contextlib import ExitStack

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Nothing has begun while the rest is imported.

from rich.console import Console

from pipeline.errors import UsageError
from pipeline.launch.compose import compose
from pipeline.launch.plan import Plan
from pipeline.launch.storage import remedy
from pipeline.launch.sweep import run_single, run_sweep
from pipeline.process.signals import Stopped, command
from pipeline.tracking.lock import claimed


def main() -> int:
    """Compose, check everything, hand over; the exit code.

    Raises:
        Stopped: by a signal; its notes say what has become of the jobs, and how to go on.
    """
    plan, begun = Plan(), False
    with ExitStack() as held:
        try:
            plan = compose()
            plan.check()
            if not plan.jobs:
                return 0
            lock = held.enter_context(claimed(plan.root))
            plan.place()
            begun = True
            return _run(plan, lock, Console())
        except UsageError as error:
            if not begun:
                plan.tidy()
            print(error, file=sys.stderr)
        except OSError as error:
            if (line := remedy(error, plan.root if plan.jobs else None)) is None:
                raise
            print(line, file=sys.stderr)
        except Stopped as stopped:
            _explain(stopped, plan, begun)
            raise
    return 1 if begun else 2


def _explain(stopped: Stopped, plan: Plan, begun: bool) -> None:
    """Note what has become of the jobs, and how to go on."""
    if begun:
        which = "hydra.run.dir" if plan.sweep is None else "hydra.sweep.dir"
        stopped.add_note("what was measured is kept")
        stopped.add_note(f"to go on, the same command with {which}={plan.root}")
    else:
        plan.tidy()
        stopped.add_note("nothing was started")


def _run(plan: Plan, lock: int, console: Console) -> int:
    for job in plan.repeating:
        job.directory.remove_if_empty()
    for note in plan.notes():
        console.print(note, markup=False, soft_wrap=True)
    if plan.sweep is None:
        return run_single(plan.jobs[0], lock, plan.launcher, console)
    return run_sweep(plan.jobs, plan.sweep, console, plan.grown, plan.launcher)


if __name__ == "__main__":
    command(main)
