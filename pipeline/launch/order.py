"""Jobs as they run: block by block, a block being what is asked of every engine in one repeat."""

import json
from collections.abc import Sequence

from pipeline.compare.order import running_order
from pipeline.launch.job import Job


def in_order(jobs: Sequence[Job]) -> list[Job]:
    """Jobs in the order in which they run."""
    blocks = [(job.config.repeat, asked(job)) for job in jobs]
    return [jobs[number] for number in running_order(blocks, jobs[0].config.shuffle)]


def asked(job: Job) -> str:
    """What decides the trace, as text; of adapters only who names them, for some arms have none."""
    model = dict(job.values["model"])
    model.pop("quantization", None)
    return json.dumps([job.values["workload"], model], sort_keys=True)
