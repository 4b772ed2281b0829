"""Words for ratios, and what many comparisons cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.compare.ratios import Ratio
from pipeline.compare.verdict import NO_DIFFERENCE, ONE_PAIR, holm, judged

UP = Ratio((1.5, 1.52, 1.48))
DOWN = Ratio((0.5, 0.51, 0.49))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1)))
def test_holm_never_lowers_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    ranked = [q for _, q in sorted(zip(p_values, adjusted, strict=True))]
    assert ranked == sorted(ranked)


@pytest.mark.parametrize(
    ("metric", "ratio", "word"),
    [
        ("output_tokens_per_s", UP, "faster"),
        ("output_tokens_per_s", DOWN, "slower"),
        ("ttft_s/p50", UP, "slower"),
        ("ttft_s/p50", DOWN, "faster"),
        ("peak_rss_bytes", DOWN, "lower"),
        ("token_agreement", UP, "higher"),
        ("of_their_own", UP, "higher"),
        ("output_tokens_per_s", Ratio((0.9, 1.3, 1.0)), NO_DIFFERENCE),
        ("output_tokens_per_s", Ratio((9.0,)), ONE_PAIR),
    ],
)
def test_words(metric: str, ratio: Ratio, word: str) -> None:
    assert judged({"arm": ratio}, metric)["arm"].word == word


def test_one_of_many_needs_more_evidence() -> None:
    barely = Ratio((1.03, 1.05, 1.07))
    assert barely.excludes_one
    assert judged({0: barely}, "output_tokens_per_s")[0].differs
    many = {n: Ratio((0.98, 1.03, 1.0)) for n in range(1, 20)} | {0: barely}
    assert not judged(many, "output_tokens_per_s")[0].differs
