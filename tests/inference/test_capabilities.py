"""What an engine can't do is refused by name, before it begins."""

import pytest

from pipeline.inference.capabilities import Capabilities
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams

ALL = Capabilities(
    stream=True,
    mixes_adapters=True,
    cancels=True,
    per_request_sampling=True,
    logprobs=True,
    prompt_logprobs=True,
    adds_adapters=True,
)
ASKED = [
    ({"stream": True}, "this engine can't stream tokens"),
    ({"sampling": SamplingParams(temperature=0.5)}, "this engine can't sample by request"),
    ({"sampling": SamplingParams(presence_penalty=1)}, "this engine can't sample by request"),
    ({"sampling": SamplingParams(logprobs=0)}, "this engine can't tell log-probabilities"),
    (
        {"sampling": SamplingParams(logprobs=0, prompt_logprobs=3), "stream": True},
        "this engine can't stream tokens or tell log-probabilities or tell log-probabilities of a "
        "prompt",
    ),
    ({"sampling": SamplingParams(max_new_tokens=3, ignore_eos=True, stop=("x",))}, None),
]


@pytest.mark.parametrize(("asked", "said"), ASKED)
def test_what_is_lacking_is_named(asked, said):
    request = Request(1, None, "text", **asked)
    assert Capabilities().refusal(request) == said
    assert ALL.refusal(request) is None
