"""SLURM's daemons come back for the next kill, whatever the last one left."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kills.slurm_site import HOST, READY, SBIN, SlurmSite


@pytest.fixture
def site(tmp_path: Path) -> Iterator[SlurmSite]:
    if not all(shutil.which(name, path=SBIN) for name in ("slurmctld", "slurmd")):
        pytest.skip("SLURM isn't installed: apt-get install slurm-wlm")
    site = SlurmSite.drawn(tmp_path / "site", random.Random(0))
    site.restore()
    yield site
    site.end()


def test_a_node_that_the_controller_drained_takes_jobs_again(site: SlurmSite) -> None:
    drain = ("scontrol", "update", f"nodename={HOST}", "state=drain", "reason=duplicate job")
    assert site._says(*drain) == "" and site._says("sinfo", "-h", "-o", "%T") == "drained"
    site.restore()
    assert site._says("sinfo", "-h", "-o", "%T") in READY
