"""A seat on a Ray cluster that another thread leaves. Needs Ray."""

import pytest

from pipeline.launch.launchers import ray_seat
from pipeline.launch.launchers.ray_cluster import INSTALL
from pipeline.launch.launchers.ray_seat import NodeShare, RaySeat
from pipeline.launch.launchers.seat import JobLost
from pipeline.launch.remote_order import Order

pytest.importorskip("ray", reason=f"Ray isn't installed: {INSTALL}")

ORDER: Order = {}  # type: ignore[typeddict-item]


def test_in_a_seat_that_was_left_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was told to stop while a job was made ready would else wait for its end."""
    monkeypatch.setattr(ray_seat, "_actor", lambda share: pytest.fail("a process was begun"))
    seat = RaySeat(NodeShare("1f", "node-a", 1, None))
    seat.leave()
    seat.leave()
    with pytest.raises(JobLost, match="told to stop"):
        seat.carried_out(ORDER)
