"""What a client is told of the end of its request."""

import pytest

from pipeline.inference.events import Finished
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams
from pipeline.serve.errors import ApiError
from pipeline.serve.reply import Reply


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (Finished.unserved(1, 0.0, "adapter 'late' isn't served"), 404),
        (Finished.failed(1, 0.0, "the engine broke"), 500),
    ],
    ids=("adapter removed meanwhile", "engine broke"),
)
def test_whose_end_is_an_error_is_told_whose_fault_it_was(end, status):
    asked = Request(1, "late", None, (5, 6), SamplingParams(max_new_tokens=4))
    with pytest.raises(ApiError, match=end.error) as found:
        Reply(0, asked, lambda ids, skip=False: "").take(end)
    assert found.value.status == status
