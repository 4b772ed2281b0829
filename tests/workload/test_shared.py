"""What the laws took of the settings they share."""

from pipeline.workload.shared import as_drawn


def test_a_shared_setting_that_no_law_took_is_no_condition() -> None:
    """Configurations of before kept those, so that 8 users were captioned "batch 8"."""
    users = {"workload.arrivals.name": "concurrency", "workload.arrivals.concurrency": 8}
    assert as_drawn(users | {"workload.batch_size": 8, "workload.rate": 1.0}) == users
    batch = {"workload.arrivals.name": "batch", "workload.arrivals.batch_size": 4}
    assert as_drawn(batch | {"workload.batch_size": 8})["workload.batch_size"] == 4


def test_a_shared_setting_is_what_the_law_took() -> None:
    own = as_drawn({"workload.popularity.alpha": 2.0})
    assert own["workload.alpha"] == 2.0
    over = as_drawn({"workload.alpha": 1.0, "workload.popularity.alpha": 2.0})
    assert over["workload.alpha"] == 2.0 and over == own
    several = {"workload.alpha": 1.0, "workload.popularity.base.alpha": 1.0}
    assert as_drawn(several) == several
    assert "workload.rate" not in as_drawn({"workload.arrivals.concurrency": 8})


def test_a_law_within_a_law_takes_it_too() -> None:
    laws = {"workload.popularity.name": "drift", "workload.popularity.base.alpha": 2.0}
    assert as_drawn(laws | {"workload.alpha": 1.0})["workload.alpha"] == 2.0
    tenants = "workload.popularity.tenants"
    two = {f"{tenants}.large.popularity.alpha": 1.0, f"{tenants}.small.popularity.alpha": 2.0}
    assert "workload.alpha" not in as_drawn(laws | two | {"workload.alpha": 1.0})
