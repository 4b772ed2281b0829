"""Kill sweeps at random times: `python -m tests.kills --kills 100 --seed 1`.

Sweeps of six jobs are started, killed, started again, extended, started twice at once and
repeated, until all six have finished; then everything on disk and in MLflow is held against what
was asked for. The parent, its child or both get SIGTERM, SIGHUP, SIGINT or SIGKILL, at a time drawn
between start-up and the last projection. Most commands are forked from this process, which has
imported what they need; jobs are started as ever. Exit code 1, and a line each, when anything is
lost, doubled, left behind or computed otherwise.
"""

import sys

import mlflow.store.tracking.sqlalchemy_store  # noqa: F401

import pipeline.__main__
import pipeline.compare.report  # noqa: F401
from tests.kills.campaign import Campaign
from tests.kills.episode import Episode

CAMPAIGN = Campaign(
    "python -m tests.kills", __doc__, {"local": Episode}, (7, 11), ("target", "phase", "engine")
)

if __name__ == "__main__":
    sys.exit(CAMPAIGN.main())
