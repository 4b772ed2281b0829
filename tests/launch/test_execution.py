"""Why a job ended, as the process that ran it says."""

import pytest

from pipeline.launch.execution import failure
from pipeline.tracking.status import State


@pytest.mark.parametrize(
    ("limit", "over"), [("null", "over the memory there was"), ("8", "over limits.memory_gb=8")]
)
def test_what_ran_out_of_memory_says_over_what_and_with_which_words(limit, over, config):
    limits = config(f"limits.memory_gb={limit}").limits
    outcome = failure(MemoryError("9 bytes more"), limits.memory_gb)
    assert (outcome.state, outcome.cause) == (State.OUT_OF_MEMORY, f"{over}: 9 bytes more")
