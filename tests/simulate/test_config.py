from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.places import CONF
from pipeline.simulate.config import composed

NEEDED = {
    "fitted": ["steps.runs=[runs/mine]"],
    "stated": ["steps.law.step_s=0.02"],
}


def stems(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def test_every_routing_is_compared_unless_some_are_named():
    assert sorted(composed([]).routings) == stems("routing")
    assert [*composed(["routing=[affinity,random]"]).routings] == ["affinity", "random"]


@pytest.mark.parametrize("name", stems("steps"))
def test_every_law_of_steps_composes(name):
    assert composed([f"steps={name}", *NEEDED.get(name, [])]).steps.name == name


@pytest.mark.parametrize("law", ["drift", "uniform", "slora_power"])
def test_laws_of_popularity_are_those_of_a_run(law):
    assert composed([f"workload/popularity={law}"]).workload.popularity.name == law


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("replicas=[0]", "replicas"),
        ("replicas=[]", "replicas"),
        ("adapters_per_replica=[100001]", "adapters_per_replica"),
        ("replicas=[10000]", "lower replicas"),
        ("routing=[]", "nothing to compare"),
        ("routing=[nearest]", "nearest: no such choice"),
        ("slo.ttft=null", "without a limit"),
        ("ranks=[2000]", "adapter_ranks"),
        ("attainment=1", "attainment"),
        ("steps=stated", "step_s"),
        ("steps.law.step_s=-1", "step_s"),
        ("workload/arrivals=batch", "arrivals"),
        ("workload/popularity=punica_zipf", "alpha"),
        ("seed=-1", "seed"),
        ("replica=1", "replica"),
    ],
)
def test_nonsense_is_refused_in_a_line(override, said):
    with pytest.raises(UsageError) as refusal:
        composed([override, "adapters_per_replica=[200]"] if "10000]" in override else [override])
    assert said in str(refusal.value) and "\n" not in str(refusal.value)


def test_only_fleets_that_are_simulated_have_to_be_possible():
    """Each gets as many requests as its own replicas take, and deals them to its own adapters."""
    distinct = ("workload/popularity=distinct", "workload.requests=10", "workload.per_replica=10")
    config = composed([*distinct, "replicas=[1,4]", "adapters_per_replica=[10]"])
    assert len(config.workload.demand(40, 4).arrives) == 40


def test_a_run_that_is_none_is_named(tmp_path: Path):
    config = composed(["steps=fitted", f"steps.runs=[{tmp_path}]"])
    with pytest.raises(UsageError, match="no run here"):
        config.steps.times()
