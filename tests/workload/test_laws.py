"""Popularity laws against their published definitions."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import chisquare

from pipeline.errors import UsageError
from pipeline.workload.popularity.distinct import Distinct
from pipeline.workload.popularity.drift import Drift
from pipeline.workload.popularity.identical import Identical
from pipeline.workload.popularity.law import Assignment
from pipeline.workload.popularity.punica_uniform import PunicaUniform
from pipeline.workload.popularity.punica_zipf import PunicaZipf
from pipeline.workload.popularity.round_robin import RoundRobin
from pipeline.workload.popularity.sglang_geometric import SglangGeometric
from pipeline.workload.popularity.slora_power import SloraPower
from pipeline.workload.popularity.tenants import Tenant, Tenants
from pipeline.workload.popularity.uniform import Uniform
from pipeline.workload.popularity.zipf import Zipf
from tests.workload import golden

DRAWS, N = 20_000, 8
PUNICA = [291, 194, 157, 129, 86, 57, 38, 25, 17, 11, 7, 5, 3, 2, 1, 1]
"""Counts for 1024 requests at alpha = 1.5."""


def slora(alpha):
    return SloraPower(name="slora_power", alpha=alpha)


def sglang(alpha):
    return SglangGeometric(name="sglang_geometric", alpha=alpha)


def punica(alpha=1.5):
    return PunicaZipf(name="punica_zipf", alpha=alpha)


def chi_square(law, expected):
    counts = Counter(law.draw([DRAWS], N, Random(7)))
    return chisquare([counts[i] for i in range(N)], [DRAWS * each for each in expected]).pvalue


@pytest.mark.parametrize("alpha", [0.1, 0.3, 0.6, 1.0, 2.0])
def test_slora_power_draws_pass_a_chi_square_test(alpha):
    expected = [((i + 1) / N) ** alpha - (i / N) ** alpha for i in range(N)]
    assert chi_square(slora(alpha), expected) > 0.001
    assert slora(alpha).probabilities(N) == pytest.approx(expected)


def test_slora_power_at_alpha_1_is_uniform():
    assert slora(1.0).probabilities(N) == pytest.approx([1 / N] * N)
    assert chi_square(slora(1.0), [1 / N] * N) > 0.001
    assert chi_square(slora(0.9), [1 / N] * N) < 0.001  # the test can fail


def test_a_smaller_alpha_is_more_skewed():
    first = [slora(alpha).probabilities(N)[0] for alpha in (0.1, 0.3, 0.6, 1.0)]
    assert first == sorted(first, reverse=True) and first[0] > 0.8


@pytest.mark.parametrize("alpha", [1.1, 1.5, 3.0])
def test_sglang_geometric_draws_pass_a_chi_square_test(alpha):
    weights = [alpha**-i for i in range(N)]
    expected = [weight / sum(weights) for weight in weights]
    assert chi_square(sglang(alpha), expected) > 0.001
    assert sglang(alpha).probabilities(N) == pytest.approx(expected)


def test_sglang_geometric_is_as_published():
    vector = sglang(1.5).probabilities(8)
    assert [round(each, 3) for each in vector[:4]] == [0.347, 0.231, 0.154, 0.103]


def test_punica_zipf_is_as_published():
    assert punica().counts(1024) == PUNICA
    drawn = punica().draw([32] * 32, 16, Random(3))
    assert [Counter(drawn)[i] for i in range(16)] == PUNICA
    assert drawn != sorted(drawn)


def test_punica_uniform_is_as_published():
    law = PunicaUniform(name="punica_uniform")
    assert law.counts(1024) == [32] * 32
    assert law.counts(10) == [3, 3, 2, 2] and law.counts(1) == [1]


@given(st.integers(1, 3000), st.floats(1.01, 5))
def test_exact_counts_add_up_in_order(requests, alpha):
    for law in (punica(alpha), PunicaUniform(name="punica_uniform")):
        counts = law.counts(requests)
        assert sum(counts) == requests and min(counts) >= 1
        assert counts == sorted(counts, reverse=True)


def test_exact_counts_refuse_too_few_adapters():
    punica().check([1024], 16)
    with pytest.raises(UsageError, match="1024 requests need 16 adapters, and there are 15"):
        punica().check([512, 512], 15)


def drift(base, every=5):
    return Drift(name="drift", base=base, every=every)


def test_ranks_change_every_so_often_and_not_before():
    drawn = drift(Identical(name="identical")).draw([40], N, Random(2))
    periods = [set(drawn[start : start + 5]) for start in range(0, 40, 5)]
    assert periods[0] == {0} and all(len(each) == 1 for each in periods)
    assert len(set.union(*periods)) > 3


def test_drift_permutes_the_law_and_nothing_else():
    base = Zipf(name="zipf", alpha=1.0)
    plain, drifted = base.draw([60], N, Random(4)), drift(base, 20).draw([60], N, Random(4))
    assert plain[:20] == drifted[:20] and plain != drifted
    for start in range(0, 60, 20):
        pairs = set(zip(plain[start : start + 20], drifted[start : start + 20], strict=True))
        assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)


def test_drift_over_a_long_time_favours_nobody():
    law = drift(Zipf(name="zipf", alpha=1.0), every=1)
    assert chi_square(law, [1 / N] * N) > 0.001


def test_drift_is_refused_where_its_law_is():
    with pytest.raises(UsageError, match="need 16 adapters"):
        drift(punica()).check([1024], 8)


def test_distinct_adapters_cannot_drift():
    with pytest.raises(UsageError, match="nothing can drift"):
        drift(Distinct(name="distinct")).check([8], N)


def tenants(**changes):
    large = Tenant(share=3.0, popularity=RoundRobin(name="round_robin"), first=0, count=2)
    small = Tenant(share=1.0, popularity=Uniform(name="uniform"), first=2)
    return Tenants(name="tenants", tenants={"large": large, "small": small, **changes})


def test_tenants_have_their_shares_and_their_adapters():
    dealt = tenants().deal([DRAWS], N, Random(1))
    asked = Counter(choice.tenant for choice in dealt)
    shares = [DRAWS * 0.75, DRAWS * 0.25]
    assert chisquare([asked["large"], asked["small"]], shares).pvalue > 0.001
    large = [choice.adapter for choice in dealt if choice.tenant == "large"]
    assert large == [k % 2 for k in range(len(large))]
    small = Counter(choice.adapter for choice in dealt if choice.tenant == "small")
    assert set(small) == {2, 3, 4, 5, 6, 7} and chisquare([*small.values()]).pvalue > 0.001


def test_a_tenant_sees_its_own_requests_of_each_batch():
    law = tenants(large=Tenant(share=1.0, popularity=Distinct(name="distinct"), count=8))
    dealt = law.deal([8] * 50, N, Random(1))
    for start in range(0, 400, 8):
        mine = [each.adapter for each in dealt[start : start + 8] if each.tenant == "large"]
        assert len(set(mine)) == len(mine)


def test_mixed_probabilities():
    zipf = Zipf(name="zipf", alpha=1.0)
    law = Tenants(
        name="tenants",
        tenants={
            "a": Tenant(share=1.0, popularity=zipf, count=2),
            "b": Tenant(share=1.0, popularity=Uniform(name="uniform"), first=1, count=2),
        },
    )
    assert law.probabilities(3) == pytest.approx([1 / 3, 1 / 6 + 1 / 4, 1 / 4])
    assert chisquare_of(law, 3) > 0.001
    assert tenants().probabilities(N) is None  # round robin has none


def chisquare_of(law, n):
    counts = Counter(law.draw([DRAWS], n, Random(5)))
    expected = [DRAWS * each for each in law.probabilities(n)]
    return chisquare([counts[i] for i in range(n)], expected).pvalue


@pytest.mark.parametrize(
    "first, count, n", [(0, 9, 8), (8, None, 8), (4, 5, 8), (9, None, 8), (0, 1, 0)]
)
def test_a_tenant_without_its_adapters_is_refused(first, count, n):
    law = Tenants(
        name="tenants",
        tenants={
            "x": Tenant(share=1.0, popularity=Uniform(name="uniform"), first=first, count=count)
        },
    )
    with pytest.raises(UsageError, match=rf"tenants\.x: its adapters begin at {first}"):
        law.check([4], n)


def test_the_tenant_is_in_the_trace_and_only_where_there_is_one():
    with_tenants = golden.workload("tenants").trace(golden.ADAPTERS, golden.encode)
    assert {request.tenant for request in with_tenants.requests} == {"large", "small"}
    assert '"tenant":"large"' in with_tenants.jsonl
    assert "tenant" not in golden.workload().trace(golden.ADAPTERS, golden.encode).jsonl


@pytest.mark.parametrize(
    "law",
    [
        lambda: slora(0.0),
        lambda: sglang(1.0),
        lambda: punica(1.0),
        lambda: drift(Uniform(name="u"), every=0),
        lambda: Tenants(name="tenants", tenants={}),
        lambda: Tenant(share=0.0, popularity=Uniform(name="u")),
        lambda: drift("uniform"),
    ],
)
def test_nonsense_is_refused(law):
    with pytest.raises(ValidationError):
        law()


@given(st.sampled_from(sorted(golden.POPULARITIES)), st.integers(0, 99))
def test_every_law_deals_a_known_adapter_to_each_request(name, seed):
    law, groups = golden.POPULARITIES[name], [8] * 5
    law.check(groups, 8)
    dealt = law.deal(groups, 8, Random(seed))
    assert len(dealt) == 40 and all(0 <= choice.adapter < 8 for choice in dealt)
    assert law.draw(groups, 8, Random(seed)) == [choice.adapter for choice in dealt]
    assert all(isinstance(choice, Assignment) for choice in dealt)
