"""Floors: an adapter that misses one is named, and one that can't be judged isn't kept."""

from pipeline.metrics.findings import Findings
from pipeline.metrics.floors import missed

GOOD = {"token_agreement": 1.0, "mean_kl": 0.001, "free_running_agreement": 0.4}
BAD = {"token_agreement": 0.5, "mean_kl": 0.2, "free_running_agreement": 0.1}
MEAN = {"token_agreement": 0.97, "mean_kl": 0.02, "free_running_agreement": 0.38}
MIXED = Findings(overall=MEAN, adapters={"right": GOOD, None: GOOD, "wrong": BAD})


def test_no_floor_misses_nothing():
    assert missed(MIXED, None, None) == ()


def test_one_wrong_adapter_does_not_vanish_in_the_mean():
    assert missed(MIXED, 0.9, None) == (
        "token_agreement misses fidelity.min_agreement=0.9: wrong 0.5",
    )
    assert missed(MIXED, None, 0.1) == ("mean_kl misses fidelity.max_kl=0.1: wrong 0.2",)
    assert "base 0.001, wrong 0.2" in missed(MIXED, None, 0.0)[0]


def test_reaching_a_floor_keeps_it():
    assert missed(MIXED, 0.5, 0.2) == ()


def test_faults_count_whatever_the_floors():
    assert missed(Findings(faults=("x has no effect",)), None, None) == ("x has no effect",)


def test_a_floor_that_cannot_be_judged_is_not_kept():
    silent = Findings(overall={"free_running_agreement": 0.9}, notes=("no scores",))
    assert missed(silent, 0.8, None) == ()
    (reason,) = missed(silent, None, 0.1)
    assert reason == "mean_kl was not measured, so fidelity.max_kl=0.1 is not kept: no scores"
    assert len(missed(Findings(notes=("no reference",)), 0.5, 0.5)) == 2


def test_free_running_stands_in_where_there_are_no_scores():
    own = {"free_running_agreement": 0.9}
    silent = Findings(overall=own, adapters={"a": own})
    assert missed(silent, 0.95, None) == (
        "free_running_agreement misses fidelity.min_agreement=0.95: a 0.9",
    )
