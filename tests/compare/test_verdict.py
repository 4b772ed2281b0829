"""Words for ratios, and what many comparisons cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.compare.ratios import Ratio
from pipeline.compare.verdict import NO_DIFFERENCE, ONE_REPEAT, Verdict, holm, judged

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
        ("output_tokens_per_s", Ratio((9.0,)), ONE_REPEAT),
    ],
)
def test_words(metric: str, ratio: Ratio, word: str) -> None:
    assert judged({"arm": ratio}, metric)["arm"].word == word


def test_a_little_more_than_would_have_shown_does() -> None:
    family = {0: Ratio((1.5, 1.52, 1.48)), 1: Ratio((0.98, 1.02, 1.01)), 2: Ratio((0.9, 1.1, 1.0))}
    verdict = judged(family, "output_tokens_per_s")[1]
    assert verdict.word == NO_DIFFERENCE
    assert verdict.within
    low, high = family[1].interval_of(1 - 0.05 / 2) or (0, 0)
    assert verdict.within == pytest.approx(max(high - 1, 1 - low))
    more = Ratio(tuple(value * (1 + verdict.within) for value in family[1].values))
    assert judged(family | {1: more}, "output_tokens_per_s")[1].differs


@pytest.mark.parametrize(
    ("within", "said"),
    [
        (0.0504, "no difference found (5.1 % or more would have shown)"),
        (0.05, "no difference found (5 % or more would have shown)"),
        (0.0, "no difference found (0 % or more would have shown)"),
        (0.996, "no difference found (100 % or more would have shown)"),
        (1.31, "no difference found (2.4 × or more would have shown)"),
        (1e9, "no difference found (not even a tenfold one would have shown)"),
        (None, "no difference found"),
    ],
)
def test_what_would_have_shown(within: float | None, said: str) -> None:
    made = Verdict(Ratio((1.0, 1.0)), 1.0, NO_DIFFERENCE, within)
    assert made.wording.replace("\u00a0", " ") == said


def test_one_of_many_needs_more_evidence() -> None:
    barely = Ratio((1.03, 1.05, 1.07))
    assert barely.excludes_one
    assert judged({0: barely}, "output_tokens_per_s")[0].differs
    many = {n: Ratio((0.98, 1.03, 1.0)) for n in range(1, 20)} | {0: barely}
    assert not judged(many, "output_tokens_per_s")[0].differs
