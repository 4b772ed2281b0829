"""Answers of replicas that come whole, break off, or never begin. Needs Ray Serve."""

import asyncio

import pytest

from pipeline.serve.cluster.ray_serve import INSTALL
from pipeline.serve.errors import ApiError

pytest.importorskip("grpc", reason=f"Ray Serve isn't installed: {INSTALL}")
exceptions = pytest.importorskip("ray.exceptions", reason=f"Ray isn't installed: {INSTALL}")

GONE = exceptions.ActorDiedError()
START = {"type": "http.response.start", "status": 200}
STREAM = {**START, "headers": [(b"content-type", b"text/event-stream; charset=utf-8")]}
PLAIN = {**START, "headers": [(b"content-type", b"application/json")]}
PIECE = {"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True}
LAST = {"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": False}


class Replica:
    """Tells what it is given, and then fails, or waits for ever."""

    def __init__(self, *told, error=None, waits=False):
        self.told, self.error, self.waits, self.is_cancelled = told, error, waits, False

    async def __aiter__(self):
        for each in self.told:
            yield [each]
        if self.waits:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error

    def cancel(self):
        self.is_cancelled = True


def passed(replica, stop=None):
    """What a client got; `stop` is why it is stopped in the middle."""
    from pipeline.serve.cluster.passed_answer import PassedAnswer

    got = []

    async def send(message):
        got.append(message)

    async def main():
        answer = PassedAnswer(replica, send)
        telling = asyncio.ensure_future(answer.tell())
        if replica.waits:
            await asyncio.sleep(0.01)
            answer.error = stop
            telling.cancel()
        await telling

    asyncio.run(main())
    return got


def test_whole_answers_are_passed_on_as_they_are():
    assert passed(Replica(STREAM, PIECE, LAST)) == [STREAM, PIECE, LAST]


def test_what_fails_behind_an_answer_s_end_is_nobody_s_business():
    assert passed(Replica(PLAIN, LAST, error=GONE)) == [PLAIN, LAST]


def test_a_stream_that_breaks_ends_with_an_error_event():
    *got, last = passed(Replica(STREAM, PIECE, error=GONE))
    assert got == [STREAM, PIECE]
    assert b"the replica is gone" in last["body"] and last["body"].endswith(b"data: [DONE]\n\n")
    assert last["more_body"] is False


def test_what_never_began_is_an_error_of_its_own():
    with pytest.raises(ApiError, match="the replica is gone") as found:
        passed(Replica(error=GONE))
    assert found.value.status == 503 and "Retry-After" in found.value.headers


def test_another_answer_that_breaks_ends_its_connection():
    with pytest.raises(ConnectionAbortedError):
        passed(Replica(PLAIN, error=GONE))


def test_too_many_that_wait_is_429():
    from ray.serve.exceptions import BackPressureError

    with pytest.raises(ApiError) as found:
        passed(Replica(error=BackPressureError(num_queued_requests=5, max_queued_requests=4)))
    assert found.value.status == 429 and "Retry-After" in found.value.headers


def test_a_client_that_goes_away_ends_the_request():
    replica = Replica(STREAM, waits=True)
    with pytest.raises(asyncio.CancelledError):
        passed(replica)
    assert replica.is_cancelled


def test_a_server_that_has_no_more_time_says_so():
    replica = Replica(STREAM, PIECE, waits=True)
    last = passed(replica, ApiError("no more time", 503))[-1]
    assert b"no more time" in last["body"] and replica.is_cancelled
