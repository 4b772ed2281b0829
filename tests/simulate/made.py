"""Fleets and requests whose times can be worked out by hand."""

import numpy as np

from pipeline.metrics.step_law import StepLaw
from pipeline.simulate.demand import Demand
from pipeline.simulate.fleet import ReplicaModel
from pipeline.simulate.replica_settings import ReplicaSettings
from pipeline.simulate.steps.source import EngineTimes


def replicas_that(law=None, ranks=(8,), room=None, load_s=0.0, batch=1, prefill=10**9):
    """What all replicas are: by default they serve one request at a time, a second each."""
    limits = ReplicaSettings(max_batch_size=batch, prefill_tokens=prefill, adapter_ranks=room)
    return ReplicaModel(
        limits, EngineTimes(law or StepLaw(step_s=1.0), load_s, ""), np.array(ranks)
    )


def requests_at(arrives, adapters=0, prompts=1, outputs=1):
    """Requests that ask the first adapter for a token each, unless they say otherwise."""
    columns = (np.broadcast_to(each, len(arrives)).copy() for each in (adapters, prompts, outputs))
    return Demand(np.asarray(arrives, float), *columns)
