"""Clients that vanish or read slowly, and how a server comes to its end."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from threading import Thread

import httpx2
import pytest

from pipeline.errors import UsageError
from pipeline.serve.server import bound, url_of
from pipeline.serve.settings import ServeSettings
from tests.conftest import ROOT
from tests.models.edited import BASE
from tests.serve.asking import COMPLETIONS, asked, streamed
from tests.serve.conftest import running
from tests.waiting import PATIENCE_S, until

LONG = {"prompt": [5, 6, 7], "max_tokens": 2000, "ignore_eos": True}
"""Takes the unhurried server ten seconds at least."""


@pytest.fixture
def unhurried(cache):
    """An engine that repeats the prompt, five milliseconds a token; `given` counts steps."""
    with running("engine=noop", cache=cache) as server:
        engine = server.service.loop.engine
        step = engine.step

        def slow():
            time.sleep(0.005)
            server.steps += 1
            return step()

        server.steps, engine.step = 0, slow
        yield server


def sent(server, **body):
    """A connection on which a request was sent."""
    port = int(server.url.rpartition(":")[2])
    payload = json.dumps(body).encode()
    head = f"POST {COMPLETIONS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.connect(("127.0.0.1", port))
    made.sendall(f"{head}Content-Length: {len(payload)}\r\n\r\n".encode() + payload)
    return made


@pytest.mark.parametrize("stream", [True, False])
def test_who_hangs_up_frees_the_place(unhurried, stream):
    inbox = unhurried.service.loop.engine.inbox
    gone = sent(unhurried, **LONG, stream=stream, n=3)
    until(lambda: inbox.in_flight == 3)
    before = unhurried.steps
    gone.close()
    until(lambda: inbox.in_flight == 0)
    assert unhurried.steps - before < 1900
    assert not unhurried.service.desk.open
    assert asked(unhurried.client, **LONG | {"max_tokens": 3})["usage"]["completion_tokens"] == 3


def test_a_slow_reader_keeps_nobody_waiting(repeating):
    slow = sent(repeating, **LONG, stream=True, n=24)
    desk = repeating.service.desk
    until(lambda: not desk.open)  # The engine has long given all of it.
    pieces = streamed(repeating.client, **LONG)
    assert pieces[-1]["choices"][0]["finish_reason"] == "length"
    read = b""
    while b"[DONE]" not in read[-40:]:
        read += slow.recv(1 << 20)
    slow.close()
    assert read.count(b'"finish_reason":"length"') == 24


def test_what_runs_is_finished_and_nothing_more_is_taken(unhurried):
    body = LONG | {"max_tokens": 100, "return_token_ids": True}
    told = []
    open_ = Thread(target=lambda: told.extend(streamed(unhurried.client, **body)))
    open_.start()
    until(lambda: unhurried.service.desk.open)
    unhurried.events.call_soon_threadsafe(unhurried.server.end, "it ends", 60)
    until(lambda: unhurried.service.stopping)
    with httpx2.Client(base_url=unhurried.url) as late:
        refused = late.post(COMPLETIONS, json=body)
        assert refused.status_code == 503 and int(refused.headers["Retry-After"]) > 0
        assert refused.json()["error"]["message"] == "it ends"
        assert late.get("/health").status_code == 503
    open_.join()
    pieces = [each["choices"][0] for each in told]
    assert pieces[-1]["finish_reason"] == "length"
    assert sum(len(each["token_ids"]) for each in pieces) == 100
    unhurried.thread.join()
    assert unhurried.codes == [0]


def test_what_takes_too_long_to_finish_is_told_so(unhurried):
    with unhurried.client.stream("POST", COMPLETIONS, json={**LONG, "stream": True}) as answer:
        lines = answer.iter_lines()
        assert "finish_reason" in next(lines)
        unhurried.events.call_soon_threadsafe(unhurried.server.end, "it ends", 0.05)
        *_, error, done = [line for line in lines if line]
    told = json.loads(error.removeprefix("data: "))["error"]
    assert told["code"] == 503 and "no more time" in told["message"] and "DONE" in done
    unhurried.thread.join()
    assert unhurried.codes == [0]


def test_an_engine_that_fails_fails_every_request_and_the_server(unhurried):
    engine, healthy = unhurried.service.loop.engine, unhurried.client
    statuses = []
    whole = Thread(target=lambda: statuses.append(healthy.post(COMPLETIONS, json=LONG)))
    whole.start()
    with httpx2.Client(base_url=unhurried.url, timeout=PATIENCE_S) as client:
        with client.stream("POST", COMPLETIONS, json={**LONG, "stream": True}) as answer:
            lines = answer.iter_lines()
            assert "finish_reason" in next(lines)
            until(lambda: engine.inbox.in_flight == 2)

            def broken():
                raise RuntimeError("secret")

            engine.step = broken
            *_, error, _ = [line for line in lines if line]
        told = json.loads(error.removeprefix("data: "))["error"]
        assert told["code"] == 500 and told["type"] == "InternalServerError"
        assert client.get("/health").status_code == 500
    whole.join()
    assert statuses[0].status_code == 500 and "secret" not in statuses[0].text + error
    unhurried.thread.join()
    assert unhurried.codes == [1]


def test_the_command_ends_by_its_signals(cache, tmp_path):
    command = [sys.executable, "-m", "pipeline.serve", "engine=noop", "serve.port=0"]
    command += [f"paths.cache={cache}"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().split()[-1]
        with httpx2.Client(base_url=url.removesuffix("/v1"), timeout=PATIENCE_S) as client:
            assert client.get("/v1/models").json()["data"][0]["id"] == "tiny"
            body = LONG | {"n": 128, "stream": True}
            with client.stream("POST", COMPLETIONS, json=body) as answer:
                next(answer.iter_lines())  # The rest is left where it is.
                process.send_signal(signal.SIGTERM)
                until(lambda: client.get("/health").status_code == 503)
                process.send_signal(signal.SIGTERM)
                assert process.wait(PATIENCE_S) == -signal.SIGTERM
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["serve.prot=1"], "did you mean serve.port"),
        (["engine=multilor"], "multilora"),
        (["serve.port=70000"], "serve.port=70000"),
        (["serve.host=0.0.0.0"], "API key"),
        (["serve.name=csv"], "serve.name"),
        (["serve.chat_template=/nowhere"], "serve.chat_template"),
        (["model.quantization=nf4"], "peft"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_starts(overrides, said, capsys, cache):
    from pipeline.serve.__main__ import main

    assert main(["threads=1", f"paths.cache={cache}", "serve.port=0", *overrides]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["engine=peft_hotswap", "model.quantization=nf4"], "the experts of "),
        (["serve.name=lora-0000"], "an adapter is called so"),
        (["engine=ik_llama_cpp"], "engine=ik_llama_cpp"),
        (["serve.chat_template=/nowhere"], "serve.chat_template=/nowhere"),
    ],
)
def test_what_is_wrong_is_told_before_a_model_is_made(overrides, said, capsys, tmp_path):
    from pipeline.serve.__main__ import main

    made = ["model=synthetic", "model.shape=olmoe-1b-7b-4-layers", "adapters=synthetic"]
    rest = ["threads=1", f"paths.cache={tmp_path}", "serve.port=0", *made, *overrides]
    assert main(rest) == 2
    assert said in capsys.readouterr().err
    assert not [*tmp_path.rglob("*.safetensors")]


def test_a_chat_template_that_cant_be_read_isnt_taken_for_none(tmp_path, capsys, cache):
    from pipeline.serve.__main__ import main

    model = tmp_path / "model"
    shutil.copytree(BASE, model)
    (model / "chat_template.jinja").write_bytes(b"\xff\xfe{{")
    rest = ["threads=1", f"paths.cache={cache}", "serve.port=0", "adapters=none"]
    assert main([*rest, "model=folder", f"model.path={model}"]) == 2
    error = capsys.readouterr().err
    assert "chat_template.jinja" in error and error.count("\n") == 1


@pytest.mark.parametrize(("host", "url"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_the_address_that_is_said_can_be_asked(host, url):
    try:
        at = bound(ServeSettings(host=host, port=0))
    except UsageError:
        pytest.skip(f"{host} can't be had here")
    with at:
        assert url_of(at) == f"http://{url}:{at.getsockname()[1]}"
        assert httpx2.URL(url_of(at)).port == at.getsockname()[1]


def test_small_packets_are_sent_at_once(repeating):
    """Nagle's algorithm and delayed acknowledgements would hold every first token for 40 ms."""
    (listening,) = repeating.server.servers
    (at,) = listening.sockets
    assert at.proto == socket.IPPROTO_TCP
