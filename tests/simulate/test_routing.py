import numpy as np
import pytest

from pipeline.simulate.config import composed
from pipeline.simulate.routing.homes import Homes
from pipeline.simulate.routing.routing import Fleet

ROUTINGS = composed([]).routings
IDLE = np.zeros(6, np.int64)


def router(name, replicas=6, ranks=(8, 64) * 30):
    return ROUTINGS[name].router(Fleet(replicas, np.array(ranks)), np.random.default_rng(0))


@pytest.mark.parametrize("name", ROUTINGS)
@pytest.mark.parametrize("replicas", [1, 2, 7])
def test_every_replica_gets_its_share_of_many_adapters(name, replicas):
    made, load = router(name, replicas), np.zeros(replicas, np.int64)
    rng = np.random.default_rng(1)
    for each in rng.integers(0, 60, 4000):
        load[made.choose(int(each), load)] += 1
    assert len(load) == replicas
    assert load.max() < 2.5 * 4000 / replicas


@pytest.mark.parametrize("name", ["least_loaded", "two_choices", "replicated", "bounded_affinity"])
def test_a_busy_replica_is_passed_over(name):
    made = router(name)
    home = made.choose(3, IDLE)
    busy = np.where(np.arange(6) == home, 1000, 0)
    assert made.choose(3, busy) != home


def test_affinity_stays_at_home():
    made = router("affinity")
    assert {made.choose(3, np.arange(6) * load) for load in range(50)} == {made.choose(3, IDLE)}


def test_whoever_told_that_it_has_the_adapter_gets_the_request_while_it_has_room():
    made, most = router("in_memory"), ROUTINGS["in_memory"].open_requests
    made.told(4, [3, 5])
    made.told(2, [5])
    assert made.choose(3, IDLE) == 4
    assert made.choose(5, np.array([0, 0, 1, 0, 2, 0])) == 2
    full = np.where(np.arange(6) == 4, most, most - 1)
    assert made.choose(3, full) != 4
    made.told(4, [])
    assert made.choose(5, IDLE) == 2


def test_until_replicas_tell_it_is_where_the_last_request_went():
    made = router("in_memory")
    made.told(0, [1, 2])
    first = made.choose(3, IDLE)
    assert first != 0 and made.choose(3, np.eye(6, dtype=np.int64)[first]) == first


def test_where_the_last_request_went_counts_for_a_while():
    made, settings = router("in_memory"), ROUTINGS["in_memory"]
    made.told(0, [1, 2])
    first = made.choose(3, IDLE)
    away = np.eye(6, dtype=np.int64)[first]
    for _ in range(round(settings.remembered_s / settings.told_s)):
        made.told(first, [])
    assert made.choose(3, away) == first
    for _ in range(round(settings.remembered_s / settings.told_s) + 1):
        made.told(first, [])
    assert made.choose(3, away) != first


def test_a_popular_adapter_gets_more_homes():
    made, load = router("replicated"), np.zeros(6, np.int64)
    for _ in range(2000):
        load[made.choose(3, load)] += 1
    assert (load > 0).all()


def test_like_ranks_share_replicas():
    """Small ranks on the first replicas, large on the last, and none with none."""
    made, load = router("like_ranks"), np.zeros(6, np.int64)
    for number in range(4000):
        made.choose(number % 60, load)
    small = {made.choose(adapter, load) for adapter in range(0, 60, 2)}
    large = {made.choose(adapter, load) for adapter in range(1, 60, 2)}
    assert max(small) <= min(large)
    assert len(small) >= 2 and len(large) >= 2


@pytest.mark.parametrize("replicas", [1, 2, 6, 12])
def test_homes_of_an_adapter_are_all_replicas_once(replicas):
    homes = Homes(replicas, 20, np.random.default_rng(0))
    for adapter in range(20):
        assert sorted(homes.of(adapter, replicas)) == [*range(replicas)]
        assert homes.of(adapter, 100).tolist() == homes.of(adapter, replicas).tolist()
