"""A small part of the fuzzer of checkpoints, always the same one; `make fuzz-files` tries more."""

import pytest

from tests.fuzz import checkpoints, expert_checkpoints
from tests.fuzz.campaign import RIGHT, outcome

CASES = (*range(24), 374, 435, 602, 632, 653, 699, 1367, 1693, 2364)
"""The first, and those that once were served otherwise than transformers serves them, or raised."""


@pytest.fixture(scope="module")
def attempt(tmp_path_factory):
    return checkpoints.begin(tmp_path_factory.mktemp("fuzz"), "multilora", 0)


@pytest.mark.parametrize("number", CASES)
def test_a_changed_checkpoint_is_refused_in_a_line_or_served_as_transformers_does(attempt, number):
    found = outcome(attempt, number)
    assert found.kind in RIGHT, found


@pytest.fixture(scope="module")
def of_experts(tmp_path_factory):
    return expert_checkpoints.begin(tmp_path_factory.mktemp("experts"), "multilora", 0)


@pytest.mark.parametrize("number", range(20))
def test_a_changed_checkpoint_with_experts_too(of_experts, number):
    found = outcome(of_experts, number)
    assert found.kind in RIGHT, found
