"""Kill sweeps on a Ray cluster at random times: `python -m tests.kills.cluster --kills 30`.

Clusters of two and of four nodes are started on loopback, and sweeps of 24 jobs on them. SIGKILL
ends a job's process, the process that takes orders on a node, all processes of a node, be it the
head, or the command itself, at a time drawn between start-up and the last projection. Nodes that
died come back, and the same command goes on, until all 24 have finished; then everything on disk
and in MLflow is held against what was asked for. Exit code 1, and a line each, when anything is
lost, doubled, left behind or computed otherwise. It needs Ray: `pip install ray==2.60.0`.
"""

import sys

import mlflow.store.tracking.sqlalchemy_store  # noqa: F401

import pipeline.__main__
import pipeline.compare.report  # noqa: F401
from tests.kills.campaign import Campaign
from tests.kills.cluster_episode import ClusterEpisode

CAMPAIGN = Campaign(
    "python -m tests.kills.cluster", __doc__, ClusterEpisode, (8, 12), ("target", "phase", "nodes")
)

if __name__ == "__main__":
    sys.exit(CAMPAIGN.main())
