"""What tells a sweep's jobs from each other, in few words."""

from collections.abc import Sequence

from pipeline.launch.job import Job
from pipeline.launch.overrides import name_of


def headings(jobs: Sequence[Job]) -> dict[int, str]:
    """By the number of each job: the overrides that aren't the same in all of them."""
    typed = {job.number: {name_of(each): each for each in job.overrides} for job in jobs}
    same = [
        name
        for name in {name for each in typed.values() for name in each}
        if len({each.get(name) for each in typed.values()}) == 1
    ]
    return {
        job.number: " ".join(
            override for name, override in typed[job.number].items() if name not in same
        )
        or job.label
        for job in jobs
    }
