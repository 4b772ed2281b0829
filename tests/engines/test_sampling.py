"""The run's sampling section, and what it asks of every request."""

from dataclasses import fields

import pytest
from pydantic import ValidationError

from pipeline.compare.settings import alike
from pipeline.engines.sampling import OPTIONAL, Sampling
from pipeline.inference.sampling_params import SamplingParams
from pipeline.settings import flatten

USED = {
    "top_k": 40,
    "min_p": 0.05,
    "repetition_penalty": 1.1,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "min_tokens": 3,
    "stop": ("\n\n", "END"),
    "stop_ids": frozenset({7}),
    "logprobs": 5,
}


def test_by_default_every_request_is_greedy_to_its_full_length():
    assert Sampling().params() == SamplingParams(ignore_eos=True)
    assert Sampling().is_plain and not Sampling().ends_early


def test_what_is_used_is_asked_of_every_request():
    assert {*USED} == {*OPTIONAL}
    drawn = Sampling(do_sample=True, temperature=0.7, top_p=0.9, seed=3, ignore_eos=False, **USED)
    expected = SamplingParams(temperature=0.7, top_p=0.9, seed=3, **USED)
    assert drawn.params() == expected
    left = {each.name for each in fields(SamplingParams)} - {each.name for each in fields(drawn)}
    assert left == {"max_new_tokens", "prompt_logprobs", "skip_special_tokens"}


@pytest.mark.parametrize("name", USED)
def test_outputs_are_the_likeliest_tokens_unless_something_shapes_or_ends_them(name):
    asked = Sampling(**{name: USED[name]})
    assert asked.is_plain == (name in {"top_k", "min_p", "logprobs"})
    assert asked.ends_early == (name in {"stop", "stop_ids"})


@pytest.mark.parametrize(
    ("asked", "idle"),
    [
        ({}, {"temperature", "top_p", "top_k", "min_p", "seed", "min_tokens"}),
        ({"do_sample": True}, {"min_tokens"}),
        ({"do_sample": True, "ignore_eos": False}, set()),
        ({"do_sample": True, "stop": ["x"]}, set()),
    ],
)
def test_idle_is_what_changes_nothing(asked, idle):
    assert {*Sampling(**asked).idle()} == idle


@pytest.mark.parametrize(
    ("name", "value"),
    [("top_k", -1), ("min_p", 1.5), ("repetition_penalty", 0), ("stop", [""]), ("logprobs", 101)],
)
def test_a_value_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(ValidationError, match=name):
        Sampling(**{name: value})


def test_runs_of_before_were_asked_the_same(values):
    """Their configurations lack the settings that came later."""
    later = values()
    before = {name: value for name, value in later["sampling"].items() if name not in OPTIONAL}
    assert len(before) < len(later["sampling"])
    assert alike(flatten(later), flatten(later | {"sampling": before}))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("sampling.top_k=-1", "sampling.top_k=-1"),
        ("sampling.stop=END", "sampling.stop=END"),
        ("sampling.logprobs=many", "sampling.logprobs=many"),
    ],
)
def test_what_is_typed_wrong_is_named(config, override, said):
    with pytest.raises(Exception, match=said):
        config(override)
    asked = config("sampling.stop=['a b',END]", "sampling.stop_ids=[3,4]").sampling
    assert (asked.stop, asked.stop_ids) == (("a b", "END"), {3, 4})
