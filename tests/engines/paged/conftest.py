"""For the scheduler: requests, and what lets them join."""

import pytest

from pipeline.engines.paged.sequence import PagedSequence
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams


def admit(scheduler):
    """Starts all that may run now, as an engine does; they themselves."""
    started = []
    for group in scheduler.joining():
        scheduler.start(group)
        started += group
    return started


@pytest.fixture
def request_of():
    """Makes requests; ids rise unless given."""
    made = []

    def make(adapter=None, prompt=None, new_tokens=4, ids=(5, 6, 7)):
        made.append(None)
        return Request(
            len(made) - 1,
            adapter,
            prompt,
            tuple(ids),
            SamplingParams(max_new_tokens=new_tokens, ignore_eos=True),
        )

    return make


@pytest.fixture
def sequence_of(request_of):
    """Makes sequences that wait."""

    def make(*arguments, **named):
        request = request_of(*arguments, **named)
        return PagedSequence(request, list(request.prompt_ids))

    return make
