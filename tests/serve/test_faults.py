"""`python -m tests.serve.faults` tells an answer that is whole from one that isn't."""

import json

import pytest

from tests.serve.faults.bodies import judged
from tests.serve.faults.client import read
from tests.serve.faults.outcome import outcome

ERROR = {"error": {"message": "no", "type": "BadRequestError", "param": None, "code": 503}}
JSON, STREAM = "application/json", "text/event-stream; charset=utf-8"


def came(status, body, kind=JSON, more="", length=None):
    """The bytes of an answer."""
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n{more}"
    return f"{head}content-length: {length or len(body)}\r\n\r\n{body}".encode()


def streamed(*events, end="0\r\n\r\n"):
    """The bytes of a stream, a chunk an event."""
    chunks = [f"data: {each}\n\n" for each in events]
    text = "".join(f"{len(each):x}\r\n{each}\r\n" for each in chunks)
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {STREAM}\r\ntransfer-encoding: chunked\r\n\r\n"
    return (head + text + end).encode()


def piece(text, index=0):
    return json.dumps({"choices": [{"index": index, "text": text}]})


WHOLE = json.dumps({"choices": [{"text": "ab"}]})
TOLD = json.dumps(ERROR)


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (came(200, WHOLE), "answered"),
        (came(200, WHOLE.replace("ab", "ac")), "another text: 'ac'"),
        (came(200, WHOLE, length=99), "unclear"),
        (streamed(piece("a"), piece("x", 1), piece("b"), "[DONE]"), "answered"),
        (streamed(piece("a"), "[DONE]"), "another text: 'a'"),
        (streamed(piece("a"), piece("b")), "unclear"),
        (streamed(piece("a"), piece("b"), "[DONE]", end=""), "unclear"),
        (streamed(piece("a"), TOLD, "[DONE]"), "told 503 in its stream"),
        (streamed(piece("a"), TOLD, "[DONE]", end=""), "unclear"),
        (came(503, TOLD, more="retry-after: 5\r\n"), "503"),
        (came(503, TOLD), "503 without Retry-After"),
        (came(500, TOLD), "status and code differ"),
        (came(503, "Service Unavailable", "text/plain"), "unclear"),
        (b"", "unclear"),
        (b"HTTP/1.1 200 OK\r\ncontent-le", "unclear"),
    ],
)
def test_what_became_of_a_request(sent, found):
    told = outcome(read(sent), ["ab"])
    assert told.startswith(found) if found == "unclear" else told == found


def test_a_status_counts_with_the_form_of_errors_alone():
    assert judged(read(came(503, TOLD)), (503,)) == ("503", True)
    assert judged(read(came(503, "no", "text/plain")), (503,))[1] is False
    assert judged(read(came(503, TOLD)), (400,)) == ("503", False)
    assert judged(read(b""), (None,)) == ("closed", True)
