"""The status page: what it is told, and what a real browser makes of it."""

import re
import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from threading import Event

import pytest

from pipeline.inference.events import Token
from tests.serve.asking import COMPLETIONS, GREEDY, asked
from tests.serve.conftest import running
from tests.waiting import PATIENCE_S, until

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
LONG = {"prompt": "Once", "max_tokens": 100, "ignore_eos": True, "stream": True}


@pytest.fixture(scope="module")
def mine(cache):
    with running("engine.max_batch_size=3", cache=cache) as started:
        yield started


@contextmanager
def stopped_midway(server, monkeypatch):
    """Four streams of which three have got tokens, when the engine takes no further step."""
    engine, client = server.service.loop.engine, server.client
    step, gate, told = engine.step, Event(), []

    def limited():
        if len(told) >= 3:
            gate.wait(PATIENCE_S)
        events = step()
        told.extend(each for each in events if isinstance(each, Token))
        return events

    with monkeypatch.context() as patch, ExitStack() as stack:
        patch.setattr(engine, "step", limited)
        stack.callback(gate.set)
        for model in ("sql", "verse", "tiny", "csv"):
            body = {**LONG, "model": model}
            stack.enter_context(client.stream("POST", COMPLETIONS, json=body))
        until(lambda: len(told) >= 3)
        yield
        gate.set()


def test_what_it_is_told(mine, monkeypatch):
    asked(mine.client, model="sql", **GREEDY)
    # What is held at rest is told after the answer.
    mine.service.loop.next_step().result(PATIENCE_S)
    with stopped_midway(mine, monkeypatch):
        status = mine.client.get("/status").json()
    assert status["model"] == "tiny" and status["places"] == 3
    assert len(status["running"]) + status["waits"] == 4
    for each in status["running"]:
        assert each["most"] == 100 and 0 <= each["tokens"] <= 100
    assert status["requests"] >= 1 and status["ttft_s"]["p50"] > 0
    assert status["adapters_served"] == len(status["adapters"]) == 8
    (sql,) = [each for each in status["adapters"] if each["name"] == "sql"]
    assert sql["requests"] >= 1 and sql["bytes"] > 0 and sql["lookups"] >= 1


def test_it_is_one_file_that_asks_for_nothing_else(mine):
    answer = mine.client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"https?://|src=|@import|innerHTML", answer.text)


def rendered(url, *options):
    """The page as a browser has it two seconds later, and what that said on its console."""
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += ["--virtual-time-budget=2500", "--enable-logging=stderr", *options, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.skipif(BROWSER is None, reason="no chromium or google-chrome here")
def test_a_browser_shows_what_runs_and_what_is_in_memory(mine, monkeypatch, tmp_path):
    with stopped_midway(mine, monkeypatch):
        shown, complaints = rendered(mine.url, f"--user-data-dir={tmp_path}")
        running_ = mine.client.get("/status").json()["running"]
    assert complaints == []
    bars = re.findall(r'class="bar"[^>]*><i style="width: [\d.]+%', shown)
    assert len(bars) == len(running_)
    for name in ("sql", "verse", "csv", "markdown"):
        assert name in shown
    assert f"{len(running_)} of 3 places" in shown
    assert 'id="keyform" class="card" hidden' in shown


@pytest.mark.skipif(BROWSER is None, reason="no chromium or google-chrome here")
def test_where_keys_are_asked_for_so_does_the_page(cache, tmp_path):
    (tmp_path / "keys.json").write_text('{"ops": "0123456789abcdef"}')
    keys = f"serve.keys='{tmp_path / 'keys.json'}'"
    with running("engine=noop", keys, cache=cache) as started:
        shown, _ = rendered(started.url, f"--user-data-dir={tmp_path}")
    assert '<form id="keyform" class="card">' in shown
    assert '<main id="main" hidden="">' in shown and "tiny" not in shown
