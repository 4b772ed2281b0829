"""Kill sweeps on a cluster at random times: `python -m tests.kills.cluster --kills 30`.

Clusters are started on this machine, and sweeps of 24 jobs on them. SIGKILL ends a job's process,
the process that takes orders on a node, all processes of a node, a cluster's head or controller, or
the command itself, at a time drawn between start-up and the last projection. What has died comes
back, and the same command goes on, until all 24 have finished; then everything on disk and in
MLflow is held against what was asked for. Exit code 1, and a line each, when anything is lost,
doubled, left behind or computed otherwise.

    --launcher ray        clusters of two and of four nodes: `pip install ray==2.60.0`
    --launcher slurm      SLURM's own daemons, one node: `apt-get install slurm-wlm`, and submitit
    --launcher submitit   its executor for one machine: `pip install submitit==1.5.3`
"""

import sys
from functools import partial

import mlflow.store.tracking.sqlalchemy_store  # noqa: F401

import pipeline.__main__
import pipeline.compare.report  # noqa: F401
from tests.kills.campaign import Campaign
from tests.kills.cluster_episode import ClusterEpisode
from tests.kills.ray_site import RaySite
from tests.kills.site import Site
from tests.kills.slurm_site import SlurmSite
from tests.kills.submitted_site import SubmittedSite

SITES: dict[str, type[Site]] = {"ray": RaySite, "slurm": SlurmSite, "submitit": SubmittedSite}

CAMPAIGN = Campaign(
    "python -m tests.kills.cluster",
    __doc__,
    {name: partial(ClusterEpisode, kind=kind) for name, kind in SITES.items()},
    (8, 12),
    ("target", "phase", "places"),
)

if __name__ == "__main__":
    sys.exit(CAMPAIGN.main())
