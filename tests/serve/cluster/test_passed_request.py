"""What of a request is passed on, and whom it is for."""

import pickle

import pytest

from pipeline.serve.cluster.passed_request import PassedRequest
from pipeline.serve.keys import ANYBODY, Caller

SCOPE = {
    "type": "http",
    "path": "/v1/completions",
    "headers": [(b"content-type", b"application/json")],
    "app": lambda: None,
    "state": {"server": lambda: None},
}


@pytest.mark.parametrize(
    ("body", "model"),
    [
        (b'{"model": "sql"}', "sql"),
        (b'{"model": 7}', None),
        (b'["model"]', None),
        (b"{", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
        (b"", None),
    ],
)
def test_whom_it_is_for(body, model):
    assert PassedRequest.of(SCOPE, body).model == model


def test_what_is_passed_on_can_be_sent():
    caller = Caller("mine", frozenset({"sql"}))
    passed = PassedRequest.of({**SCOPE, "caller": caller}, b"{}")
    assert pickle.loads(pickle.dumps(passed)) == passed
    assert {*passed.scope} == {"type", "path", "headers"} and passed.caller == caller
    assert PassedRequest.of(SCOPE, b"").caller == ANYBODY
