"""What can be asked for is checked when it is asked."""

import math
import pickle
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.inference.sampling_params import SamplingParams

HUGE = [10**30, -(10**30), math.nan, math.inf, -math.inf, 1e300]
NUMBERS = {
    **{name: [-1, 10**8, 0.5, True, "1"] for name in ("max_new_tokens", "min_tokens", "top_k")},
    **{name: [-1, 101, 0.5, True, "1"] for name in ("logprobs", "prompt_logprobs")},
    "temperature": [-0.1, 1e-7, 2e6, True, "1", None],
    "top_p": [0, -0.5, 1.01, True, None],
    "min_p": [-0.1, 1.1, True],
    "seed": [-1, 2**63, 0.5, True],
    "repetition_penalty": [0, -1, 101, True],
    "presence_penalty": [-2.1, 2.1, True],
    "frequency_penalty": [-2.1, 2.1, True],
}
OTHERS = [
    *(("stop", bad) for bad in ("end", ("",), (1,), ("x" * 257,), ("x",) * 33, None)),
    *(("stop_ids", bad) for bad in (7, [-1], [2**31], [0.5], ["x"], range(1001))),
    *((name, bad) for name in ("ignore_eos", "skip_special_tokens") for bad in (1, "yes", None)),
]
WRONG = [(name, bad) for name, values in NUMBERS.items() for bad in [*values, *HUGE]] + OTHERS


@pytest.mark.parametrize(("name", "bad"), WRONG)
def test_what_is_out_of_range_is_refused_by_field_and_value(name, bad):
    with pytest.raises(ValueError) as refused:
        SamplingParams(**{name: bad})
    (fault, *_) = refused.value.errors()
    assert fault["loc"][0] == name and name in str(refused.value)
    assert "input" in fault and fault["msg"]


def test_every_field_has_values_that_are_refused():
    assert {each.name for each in fields(SamplingParams)} == {name for name, _ in WRONG}


def test_what_isnt_a_parameter_is_refused():
    with pytest.raises(ValueError, match="best_of"):
        SamplingParams(best_of=2)


@settings(max_examples=30)
@given(
    st.builds(
        SamplingParams,
        max_new_tokens=st.integers(0, 10**7),
        temperature=st.just(0) | st.floats(1e-6, 1e6),
        top_p=st.floats(0, 1, exclude_min=True),
        min_p=st.floats(0, 1),
        seed=st.integers(0, 2**63 - 1),
        stop=st.lists(st.text(min_size=1), max_size=4),
        stop_ids=st.lists(st.integers(0, 2**31 - 1), max_size=4).map(frozenset),
        logprobs=st.none() | st.integers(0, 100),
        repetition_penalty=st.floats(0.01, 100),
        presence_penalty=st.floats(-2, 2),
    )
)
def test_all_else_is_taken_and_can_be_compared_copied_and_sent(params):
    assert isinstance(params.stop, tuple) and isinstance(params.stop_ids, frozenset)
    assert {params: 1}[pickle.loads(pickle.dumps(params))]
    assert replace(params, seed=params.seed) == params
    assert params.is_greedy == (params.temperature == 0)


def test_end_ids_are_the_models_own_unless_they_are_ignored():
    model = frozenset({2})
    assert SamplingParams(stop_ids={5}).end_ids(model) == {2, 5}
    assert SamplingParams(stop_ids={5}, ignore_eos=True).end_ids(model) == {5}
