"""How many jobs there would be is known before any is composed."""

import pytest

from pipeline.errors import UsageError


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("-m repeat=range(1000000)", "the sweep has 1,000,000 jobs"),
        ("-m repeat=range(1000000) workload.alpha=0,1", "the sweep has 2,000,000 jobs"),
        ("-m workload.alpha=range(0,1,1e-12)", "the sweep has 1,000,000,000,000 jobs"),
        ("-m workload.alpha=range(0.,1e300,1e-9)", "the sweep has inf jobs"),
        ("-m workload.alpha=range(0,1e18)", "the sweep has 1e+18 jobs"),
        ("-m repeat=shuffle(range(1000000))", "the sweep has 1,000,000 jobs"),
        ("-m engine=glob(*) repeat=range(200)", "the sweep has 1,800 jobs"),
        ("+experiment=zipf_sweep limits.jobs=134", "limits.jobs=134: the sweep has 135 jobs"),
        ("+experiment=zipf_sweep repeat=range(100)", "the sweep has 4,500 jobs"),
        ("-m repeat=range(5,1)", "repeat=range(5,1): has no values"),
        ("-m engine=glob(x*)", "has no values"),
        ("-m workload.alpha=range(0,1,step=0)", "not of 0"),
        ("-m workload.alpha=interval(0,1)", "an interval has no values to try"),
        ("-m repeat=0,1 limits.jobs=many", "limits.jobs=many: has to be a whole number"),
        ("-m repeat=0,1 limits.jobs=0", "limits.jobs=0: has to be a whole number"),
    ],
)
def test_too_many_and_none_are_refused(typed, said, composed):
    with pytest.raises(UsageError) as refusal:
        composed(" ".join(f"'{each}'" for each in typed.split()))
    assert said in str(refusal.value)


def test_as_many_as_the_limit_are_composed(composed):
    assert len(composed("-m repeat=0,1,2 limits.jobs=3").jobs) == 3
