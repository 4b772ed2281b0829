"""Overrides that can't be read are named, with a line that can."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from pipeline.errors import UsageError
from pipeline.launch.grammar import as_text, parsed

NASTY = ["a=b", "a(b", "a)b", "'a", '"a', "[a", "{a", "a]", "a:b{}", "a,b(c", "x\\' y", "=", "ü\n("]


def resolved(argument):
    (override,) = parsed([argument])
    return OmegaConf.create({"value": override.value()}).value


@pytest.mark.parametrize("value", NASTY)
def test_what_cant_be_read_is_named_with_a_line_that_can(value):
    with pytest.raises(UsageError) as refusal:
        parsed(["threads=1", f"adapters.path={value}"])
    line = str(refusal.value)
    assert line.startswith(f"adapters.path={value}".partition("\n")[0]) and "\n" not in line
    remedy = as_text(f"adapters.path={value}")
    assert remedy.replace("\n", "\\n") in line
    assert resolved(*shlex.split(remedy)) == value


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_text_can_be_given_or_is_said_not_to_be(value):
    remedy = as_text(f"adapters.path={value}")
    if remedy:
        assert resolved(*shlex.split(remedy)) == value
    else:
        assert "${" in value


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("", "an argument is empty"),
        ("=5", "=5: names no setting"),
        ("engine", "engine: has no value"),
        ("wörk.x=1", "'wörk.x' isn't the name of a setting"),
        ("two words=1", "'two words' isn't the name"),
        ("a\nb=1", r"a\nb"),
        ("adapters.path=\udcff", "isn't UTF-8"),
        ("model.path=${x", "'$' has a meaning"),
        (f"model.path={'(' * 5000}", "…"),
    ],
)
def test_other_unreadable_arguments(argument, said):
    with pytest.raises(UsageError) as refusal:
        parsed([argument])
    line = str(refusal.value)
    assert said in line and "\n" not in line and len(line) < 400


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("workload.alpha=1", "workload.alpha=2"),
        ("+experiment=zipf", "+experiment=smoke"),
        ("engine=merged", "engine=noop"),
        ("engine={precision: int8}", "engine.precision=fp32"),
        ("repeat=0,1", "repeat=2"),
        ("~workload.seeds", "workload.seeds=1"),
    ],
)
def test_two_words_on_one_thing_are_refused(one, other):
    with pytest.raises(UsageError, match="set the same; leave one out"):
        parsed([one, "threads=1", other])


def test_the_same_word_twice_is_one():
    parsed(["threads=1", "threads=1", "engine=noop", "engine.precision=none", "slo={ttft: 1}"])
