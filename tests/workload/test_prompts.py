"""Prompts of drawn lengths and behind shared prefixes; laws of lengths."""

from pathlib import Path
from random import Random
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest, lognorm
from tokenizers import Tokenizer

from pipeline.errors import UsageError
from pipeline.workload.lengths.lognormal import Lognormal
from pipeline.workload.lengths.scaled import Scaled
from pipeline.workload.lengths.uniform import UniformLengths
from pipeline.workload.prompts.builtin import Builtin
from pipeline.workload.prompts.random_sized import RandomSized
from pipeline.workload.prompts.shared_prefix import SharedPrefix

ASSETS = Path(__file__).parents[2] / "pipeline" / "assets"
TOKENIZER = Tokenizer.from_file(str(ASSETS / "tiny" / "base" / "tokenizer.json"))
UNIFORM = UniformLengths(name="uniform", low=8, high=512)


def encode(text):
    return TOKENIZER.encode(text).ids


def lognormal(median=100.0, sigma=0.8, low=1, high=10**6):
    return Lognormal(name="lognormal", median=median, sigma=sigma, low=low, high=high)


def test_lognormal_lengths_have_their_distribution():
    drawn = lognormal(median=1e5).draw(4000, Random(1))
    assert kstest(drawn, lognorm(0.8, scale=1e5).cdf).pvalue > 0.01
    assert median(drawn) == pytest.approx(1e5, rel=0.06)


def test_lognormal_lengths_keep_their_bounds():
    drawn = lognormal(sigma=3.0, low=50, high=200).draw(500, Random(1))
    assert min(drawn) == 50 and max(drawn) == 200
    assert max(lognormal(sigma=1000.0, high=7).draw(50, Random(1))) == 7
    with pytest.raises(UsageError, match="low=9"):
        lognormal(low=9, high=8)


def test_scaled_lengths():
    plain = UNIFORM.draw(100, Random(3))
    drawn = Scaled(name="scaled", base=UNIFORM, factor=0.125).draw(100, Random(3))
    assert drawn == [max(1, round(each / 8)) for each in plain]
    assert min(Scaled(name="scaled", base=UNIFORM, factor=1e-6).draw(9, Random(3))) == 1


@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_random_prompts_have_the_lengths_of_their_law(low, more, seed):
    law = UniformLengths(name="uniform", low=low, high=low + more)
    prompts = RandomSized(name="random_sized", lengths=law).draw(4, Random(seed), encode)
    assert [len(encode(each)) for each in prompts] == law.draw(4, Random(seed))


def shared(shared_by, tokens=16):
    base = Builtin(name="builtin")
    return SharedPrefix(name="shared_prefix", base=base, tokens=tokens, shared_by=shared_by)


def starts(prompts, tokens=16):
    return [tuple(encode(each)[:tokens]) for each in prompts]


def test_all_share_one_prefix():
    prompts = shared("all").draw_for([0, 1, 2, 0], Random(1), encode)
    assert len({*starts(prompts)}) == 1 and len({*prompts}) == 4


def test_each_adapter_has_its_own_prefix():
    adapters = [3, 1, 3, 1, 0]
    begun = starts(shared("adapter").draw_for(adapters, Random(1), encode))
    assert len({*begun}) == 3
    assert all(
        len({s for s, a in zip(begun, adapters, strict=True) if a == x}) == 1 for x in (1, 3)
    )


@pytest.mark.parametrize("shared_by", ["all", "adapter"])
def test_behind_the_prefix_stand_the_prompts_of_the_source(shared_by):
    lines = {*Builtin(name="builtin").draw(2000, Random(0), encode)}
    prompts = shared(shared_by).draw_for([0, 1] * 5, Random(1), encode)
    assert all(each.partition("\n")[2] in lines for each in prompts)


def test_a_prefix_whose_tokens_are_not_shared_is_refused():
    def greedy(text):
        return [len(text)] if "\n" in text else text.split()

    with pytest.raises(UsageError, match="merges the end of the prefix"):
        shared("all").draw(2, Random(0), greedy)
