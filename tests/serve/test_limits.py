"""What is too much is refused with the status it should get, and nobody else notices."""

import json
import socket
from contextlib import ExitStack, contextmanager, suppress
from threading import Event
from threading import enumerate as live_threads
from time import sleep

import pytest

from pipeline.errors import UsageError
from pipeline.inference.request import Request
from pipeline.serve.access_log import AccessLog
from pipeline.serve.admission import Admission
from pipeline.serve.build import load
from pipeline.serve.config import composed
from pipeline.serve.errors import ApiError
from pipeline.serve.progress import Progress
from tests.serve.asking import GREEDY, asked
from tests.serve.conftest import running
from tests.waiting import PATIENCE_S, until

LONG = {"model": "sql", "prompt": "a", "max_tokens": 400, "ignore_eos": True, "stream": True}


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("log") / "access log.jsonl"


@pytest.fixture(scope="module")
def limited(cache, log):
    settings = (
        *("engine.max_batch_size=1", "serve.max_waiting=3", "serve.max_per_adapter=2"),
        *("serve.max_body_bytes=4096", f"serve.access_log='{log}'"),
    )
    with running(*settings, cache=cache) as started:
        yield started


@pytest.fixture(scope="module")
def hasty(cache):
    """It gives clients a second, which a busy machine may take to send a body."""
    with running("engine=noop", "serve.read_seconds=1", cache=cache) as started:
        yield started


@pytest.fixture
def client(limited):
    until(lambda: not limited.service.desk.open)
    return limited.client


@contextmanager
def held(limited, monkeypatch):
    """Its engine takes no step meanwhile."""
    gate, step = Event(), limited.service.loop.engine.step
    with monkeypatch.context() as patch:
        patch.setattr(limited.service.loop.engine, "step", lambda: gate.wait(PATIENCE_S) and step())
        try:
            yield
        finally:
            gate.set()


def opened(stack, client, model="sql"):
    """A stream of which nothing but the head has come."""
    body = {**LONG, "model": model}
    answer = stack.enter_context(client.stream("POST", "/v1/completions", json=body))
    assert answer.status_code == 200
    return answer


def test_too_many_of_an_adapter_are_told_to_come_again(client, limited, monkeypatch):
    body = {"model": "sql", **GREEDY}
    with held(limited, monkeypatch), ExitStack() as stack:
        opened(stack, client)
        answer = client.post("/v1/completions", json={**body, "n": 2})
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert answer.json()["error"]["type"] == "RateLimitError"
        assert "open" in answer.text
    until(lambda: not limited.service.desk.open)
    assert asked(client, **body)["usage"]


def test_too_many_that_wait_are_told_to_come_again(client, limited, monkeypatch):
    with held(limited, monkeypatch), ExitStack() as stack:
        for model in ("verse", "csv", "tiny"):
            opened(stack, client, model)
        answer = client.post("/v1/completions", json={"model": "html", **GREEDY})
        assert answer.status_code == 429 and "serve.max_waiting=3" in answer.text
        assert client.get("/health").status_code == 200


def test_more_at_once_than_may_ever_be_open_is_wrong(client):
    told = asked(client, status=400, model="sql", **GREEDY, n=4)
    assert "these are 4 requests at once" in told["error"]["message"]


def test_a_body_that_is_too_large_isnt_read(client):
    answer = client.post("/v1/completions", json={**GREEDY, "prompt": "a" * 5000})
    assert answer.status_code == 413
    assert "serve.max_body_bytes=4096" in answer.json()["error"]["message"]


def test_nor_one_whose_length_isnt_said(limited):
    head = b"transfer-encoding: chunked\r\n\r\n" + b"%x\r\n" % 5000
    assert raw(limited, head + b"a" * 5000 + b"\r\n").startswith(b"HTTP/1.1 413")


def connected(limited):
    port = int(limited.url.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)


def raw(limited, rest):
    """The first line that is answered to the beginning of a request."""
    with connected(limited) as connection:
        head = b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        connection.sendall(head + rest)
        return connection.makefile("rb").readline()


def test_a_body_that_never_comes_is_given_up(hasty):
    assert raw(hasty, b"content-length: 100\r\n\r\n{").startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("before", [b"", b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"])
@pytest.mark.parametrize("begun", [b"", b"GET /hea"])
def test_who_connects_and_says_nothing_whole_is_let_go(hasty, before, begun):
    let_go = suppress(ConnectionError)  # Before it has said so much, where it is slow.
    with connected(hasty) as connection, connection.makefile("rb") as file, let_go:
        connection.sendall(before)
        while before and file.readline().strip():
            pass
        connection.sendall(begun)
        if begun or not before:
            assert file.read() == b""


def test_too_many_connections_are_told_to_come_again(cache):
    with running("engine=noop", "serve.max_connections=2", cache=cache) as server:
        with ExitStack() as stack:
            for _ in range(2):
                stack.enter_context(connected(server)).sendall(b"GET /heal")
            until(lambda: len(server.server.server_state.connections) == 2)
            answer = server.client.post("/v1/completions", json=GREEDY)
            assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
            assert answer.json()["error"]["type"] == "ServiceUnavailableError"
            assert "serve.max_connections=2" in answer.text and "x-request-id" in answer.headers
            assert server.client.get("/health").status_code == 200
            assert server.client.get("/metrics").status_code == 200
        server.client.close()
        until(lambda: not server.server.server_state.connections)
        with connected(server) as one:
            one.sendall(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert one.makefile("rb").readline().startswith(b"HTTP/1.1 200")


def whole(limited, sent):
    """Status and body of what is answered to some bytes, until the server closes."""
    with connected(limited) as connection, connection.makefile("rb") as file:
        connection.sendall(sent)
        head, _, body = file.read().partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)


def test_who_leaves_in_the_middle_of_a_body_is_a_line_and_no_error(limited, log, caplog):
    head = b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    with connected(limited) as connection:
        connection.sendall(head + b"x-request-id: left-1\r\ncontent-length: 100\r\n\r\n{")
        sleep(0.1)
    (line,) = lines(log, "left-1")
    assert line["status"] == 499 and not caplog.records


@pytest.mark.parametrize("sent", [b"what is this\r\n\r\n", b"GET /health HTTP/1.1\r\n: x\r\n\r\n"])
def test_what_isnt_http_is_told_so_as_all_errors_are(limited, sent):
    status, told = whole(limited, sent)
    assert status == told["error"]["code"] == 400
    assert told["error"]["type"] == "BadRequestError"


@pytest.mark.parametrize("host", [b"[", b"\xff\xfe", b"a b", b""])
def test_a_host_that_is_none_hurts_nobody(limited, host):
    sent = b"GET /nowhere HTTP/1.1\r\nconnection: close\r\nhost: %s\r\n\r\n" % host
    status, told = whole(limited, sent)
    assert status == told["error"]["code"] and status in (400, 404)


def lines(log, id_):
    """Those of a request, once there is one: it is written behind the answer."""

    def found():
        whole = log.read_text().rpartition("\n")[0].splitlines()
        return [each for each in map(json.loads, whole) if each["request_id"] == id_]

    until(found)
    return found()


def test_every_request_is_a_line_of_json_by_its_id(client, limited, log):
    headers = {"x-request-id": "my-own-1", "authorization": "Bearer secret"}
    body = {"model": "sql", **GREEDY}
    answer = client.post("/v1/completions", json=body, headers=headers)
    assert answer.headers["x-request-id"] == "my-own-1"
    (line,) = lines(log, "my-own-1")
    usage = answer.json()["usage"]
    assert line["path"] == "/v1/completions" and line["status"] == 200 and line["key"] == "-"
    assert (line["model"], line["client"]) == ("sql", "127.0.0.1")
    assert line["prompt_tokens"] == usage["prompt_tokens"]
    assert line["completion_tokens"] == usage["completion_tokens"]
    assert 0 <= line["queue_s"] <= line["ttft_s"] <= line["seconds"]
    assert line["finish_reasons"] == [answer.json()["choices"][0]["finish_reason"]]
    assert "secret" not in log.read_text()


def test_an_id_that_could_break_a_line_is_replaced(client, limited, log):
    answer = client.get("/health", headers={"x-request-id": "a b" + "c" * 200})
    made = answer.headers["x-request-id"]
    assert len(made) == 32
    (line,) = lines(log, made)
    assert (line["path"], line["status"]) == ("/health", 200) and "model" not in line


def test_who_goes_away_is_logged_with_what_it_got(client, limited, log, monkeypatch):
    with held(limited, monkeypatch):
        with ExitStack() as stack:
            id_ = opened(stack, client).headers["x-request-id"]
        until(lambda: not limited.service.desk.open)
    (line,) = lines(log, id_)
    assert line["finish_reasons"] == [None] and line["completion_tokens"] == 0
    assert line["status"] == 200 and line["ttft_s"] is None


def test_a_log_that_cant_be_written_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"serve\.access_log="):
        AccessLog(tmp_path / "nowhere" / "log")
    off = AccessLog(None)
    assert not off.is_on
    off.close()


def test_what_is_refused_leaves_no_log_open(tmp_path, cache):
    log, before = tmp_path / "access.jsonl", {*live_threads()}
    config = composed(["serve.name=csv", f"serve.access_log={log}", f"paths.cache={cache}"])
    with pytest.raises(UsageError, match="an adapter is called so"):
        load(config)
    assert log.exists() and {*live_threads()} <= before


def test_places_are_counted_whatever_becomes_of_who_had_them():
    admission, one = Admission(3, None), Request("r", "a", prompt_ids=(1,))
    for _ in range(3):
        admission.check([one])
        admission.comes(one)
    with pytest.raises(ApiError, match="come again in 1 s"):
        admission.check([one])
    admission.begins()
    begun_, waits = Progress(0.0, admitted=1.0), Progress(0.0)
    admission.ends(one, begun_, 80.0 * 8)
    admission.ends(one, waits)
    assert admission.waiting == 1
    admission.comes(one)
    admission.comes(one)
    with pytest.raises(ApiError, match="come again in 60 s") as caught:
        admission.check([one])
    assert caught.value.headers == {"Retry-After": "60"}
    for _ in range(3):
        admission.ends(one, waits)
    assert admission.waiting == 0 and not admission.by_adapter
