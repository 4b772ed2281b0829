"""Servers that are started for a run: how they come up, what is counted, and that they end."""

import sys
from dataclasses import replace

import psutil
import pytest

from pipeline.engines.openai import engine as engine_module
from pipeline.engines.openai.launch import Launch, Launched, linked, padded_rank
from pipeline.engines.settings import Serving
from pipeline.errors import UsageError
from pipeline.files.documents import read_jsonl
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams
from pipeline.stages.build import build
from pipeline.stages.replay import Replay
from tests.waiting import PATIENCE_S, gone

SERVER = """
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"data": [{"id": name} for name in sys.argv[3:]]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

print("serving", *sys.argv[3:], flush=True)
HTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"""


def command(code, *words):
    called = [sys.executable, "-c", code, "{host}", "{port}", *words]
    return {"command": called, "seconds": PATIENCE_S}


def test_words_stand_for_what_is_launched():
    launch = Launch(
        command='serve "{model}" {adapters} --at={host}:{port} \'{"json": 1}\'',
        adapters=("--lora", "{count}"),
        adapter=("{name}={folder}",),
        none=("--bare",),
    )
    server = {"model": "/a b", "host": "h", "port": "1", "count": "2"}
    own = [{"name": name, "folder": f"/{name}"} for name in "xy"]
    rest = ["--at=h:1", '{"json": 1}']
    words = Launched(server, own).command(launch)
    assert words == ["serve", "/a b", "--lora", "2", "x=/x", "y=/y", *rest]
    assert Launched(server, []).command(launch) == ["serve", "/a b", "--bare", *rest]


def test_adapters_lie_in_one_folder_under_their_names(adapters, tmp_path):
    linked({"mine": adapters["sql"]}, tmp_path)
    assert (tmp_path / "mine" / "adapter_config.json").is_file()
    with pytest.raises(UsageError, match="can't be a folder's name"):
        linked({"../mine": adapters["sql"]}, tmp_path)


@pytest.mark.parametrize(
    ("said", "padded"),
    [({}, 8), ({"r": 4}, 8), ({"r": 16}, 16), ({"r": 4, "rank_pattern": {"q": 17}}, 32)],
)
def test_the_room_for_adapters_fits_the_highest_rank(said, padded, adapters):
    other = replace(adapters["sql"], lora=replace(adapters["sql"].lora, config=said))
    assert padded_rank([adapters["sql"], other]) == padded
    assert padded_rank([]) == 8


@pytest.fixture
def serving(checkpoint, adapters, tmp_path):
    return Serving(checkpoint, {"sql": adapters["sql"]}, threads=1, folder=tmp_path / "server")


def test_a_server_is_there_while_the_engine_is(settings, serving, tmp_path):
    launch = command(SERVER, "base", "{adapters}") | {"adapter": ["{name}"]}
    with settings(launch=launch).build(serving) as made:
        made.forget_prefixes()
        before = made.outside
        (server,) = psutil.Process(made._server._command.guard).children()
        assert server.is_running()
        assert before.cpu_seconds > 0 and before.peak_rss_bytes > 1_000_000
        assert made.backend.built == "base"
    assert not server.is_running()
    folder = tmp_path / "server"
    assert (folder / "output.txt").read_text().startswith("serving base sql\n")
    assert (folder / "metrics_start.prom").is_file() and (folder / "metrics_end.prom").is_file()
    assert all(row["processes"] <= 1 for row in read_jsonl(folder / "usage.jsonl"))


@pytest.mark.parametrize(
    ("launch", "line"),
    [
        (
            command("print('no\\nmodel'); raise SystemExit(3)"),
            "ended with code 3.* last line: model",
        ),
        (
            command("import os; os.kill(os.getpid(), 4)"),
            "the server ended by SIGILL; .*output.txt has the rest",
        ),
        (command("import time; time.sleep(60)") | {"seconds": 0.2}, "engine.launch.seconds=0.2"),
    ],
)
def test_one_that_does_not_come_up_ends_the_run(launch, line, settings, serving):
    with pytest.raises(RuntimeError, match=line):
        settings(launch=launch).build(serving).__enter__()


DYING = """
    def do_POST(self):
        import os, subprocess
        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        print("dying, after", child.pid, flush=True)
        os._exit(7)

"""


def test_one_that_dies_ends_its_requests_with_its_last_words(
    settings, serving, drain, tmp_path, monkeypatch
):
    monkeypatch.setattr(engine_module, "DYING_S", PATIENCE_S)
    launch = command(SERVER.replace("\nprint", f"{DYING}print", 1), "base", "sql")
    with settings(launch=launch).build(serving) as made:
        request = Request("a", "sql", "Say", sampling=SamplingParams(max_new_tokens=2))
        (end,) = drain(made, request)
        assert "; the server ended with code 7, its last line: dying" in end.error
        child = int((tmp_path / "server" / "output.txt").read_text().split()[-1])
        assert gone(child)


def test_one_that_serves_something_else_is_refused(settings, serving):
    with pytest.raises(UsageError, match="serves no adapter 'sql', it serves 'base'"):
        settings(launch=command(SERVER, "base")).build(serving).__enter__()


def test_our_own_server_answers_as_its_engine_does(config, prepared, tmp_path):
    overrides = ("adapters.count=3", "workload.batch_size=4", "workload.iterations=1")
    ready, rows = prepared(*overrides, "arm=multilora_fp32"), {}
    for arm in ("multilora_fp32", "server_multilora_fp32"):
        with build(config(*overrides, f"arm={arm}"), ready, tmp_path / arm) as built:
            iteration, records = Replay(built.engine, ready.trace.iterations[0], None).run(0)
            assert built.engine.notes == ()
        rows[arm] = {each.id: (each.error, each.output_ids, each.text) for each in records}
        assert (iteration.outside_cpu_seconds > 0) == arm.startswith("server")
    assert rows["server_multilora_fp32"] == rows["multilora_fp32"]
