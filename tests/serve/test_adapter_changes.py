"""Adapters come and go while requests are served."""

import json
import shutil
from threading import Thread

import pytest

from pipeline.errors import UsageError
from pipeline.serve.config import composed
from tests.conftest import ROOT
from tests.serve.asking import GREEDY, asked, names, streamed
from tests.serve.conftest import running

TINY = ROOT / "pipeline" / "assets" / "tiny" / "adapters"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters") / "with a space"
    for name in ("sql", "verse", "shout"):
        shutil.copytree(TINY / name, folder / name)
    (folder / "broken").mkdir()
    outside = folder.parent / "outside"
    shutil.copytree(TINY / "sql", outside)
    (folder / "link").symlink_to(outside)
    (folder / "inner").mkdir()
    for each in outside.iterdir():
        (folder / "inner" / each.name).symlink_to(each)
    return folder


@pytest.fixture(scope="module")
def open_server(root, cache):
    allowed = ("adapters=none", "serve.allow_runtime_adapters=true")
    with running(*allowed, f"serve.adapter_root='{root}'", cache=cache) as started:
        yield started


@pytest.fixture
def told(open_server):
    def change(path, **body):
        answer = open_server.client.post(f"/v1/{path}_lora_adapter", json=body)
        if answer.status_code == 200:
            return answer.text
        error = answer.json()["error"]
        assert error["code"] == answer.status_code
        return answer.status_code, error["type"], error["message"]

    yield change
    for name in [*open_server.service.names.folders]:
        change("unload", lora_name=name)


def test_what_is_no_text_or_no_json_is_refused(open_server):
    """By its content type as well, which any page in a browser may choose otherwise."""
    client = open_server.client
    for field in ("lora_name", "lora_path"):
        body = {"lora_name": "a", "lora_path": "sql", field: "\ud800"}
        sent = {"content": json.dumps(body), "headers": {"content-type": "application/json"}}
        for kind in ("load", "unload"):
            answer = client.post(f"/v1/{kind}_lora_adapter", **sent)
            assert answer.status_code in (400, 404) and answer.json()["error"]["message"]
    plain = {"content-type": "text/plain"}
    answer = client.post("/v1/load_lora_adapter", content="{}", headers=plain)
    assert answer.status_code == 415 and answer.json()["error"]["code"] == 415


def text(client, model):
    return asked(client, model=model, **GREEDY)["choices"][0]["text"]


def test_one_that_is_loaded_answers_under_its_name_until_it_is_unloaded(
    told, open_server, client, root
):
    mine = open_server.client
    said = "Success: LoRA adapter 'new' added successfully."
    assert told("load", lora_name="new", lora_path="sql") == said
    assert names(mine) == ["tiny", "new"]
    assert mine.get("/v1/models").json()["data"][1]["root"] == str(root / "sql")
    assert text(mine, "new") == text(client, "sql") != text(client, "tiny")
    said = "Success: LoRA adapter 'new' removed successfully."
    assert told("unload", lora_name="new") == said
    assert names(mine) == ["tiny"]
    asked(mine, status=404, model="new", **GREEDY)
    status, kind, why = told("unload", lora_name="new")
    assert (status, kind) == (404, "NotFoundError")
    assert why == "The lora adapter 'new' cannot be found."


def test_a_reload_in_place_is_another_adapter_under_the_name(told, open_server, client, root):
    assert told("load", lora_name="new", lora_path=str(root / "sql")).startswith("Success")
    status, kind, why = told("load", lora_name="new", lora_path="verse")
    assert (status, kind) == (400, "InvalidUserInput")
    assert why.startswith("The lora adapter 'new' has already been loaded.")
    told("load", lora_name="new", lora_path="verse", load_inplace=True)
    assert text(open_server.client, "new") == text(client, "verse")


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        ({}, 400, "Both 'lora_name' and 'lora_path' must be provided."),
        ({"lora_name": "x"}, 400, "Both 'lora_name' and"),
        ({"lora_name": "x", "lora_path": "nowhere"}, 404, "No adapter found for 'nowhere'"),
        ({"lora_name": "x", "lora_path": "broken"}, 400, "no adapter_model.safetensors"),
        ({"lora_name": "x", "lora_path": "../outside"}, 400, "outside serve.adapter_root"),
        ({"lora_name": "x", "lora_path": "/etc"}, 400, "outside serve.adapter_root"),
        ({"lora_name": "x", "lora_path": "/nowhere"}, 400, "outside serve.adapter_root"),
        ({"lora_name": "x", "lora_path": "link"}, 400, "outside serve.adapter_root"),
        ({"lora_name": "x", "lora_path": "inner"}, 400, "leads out of serve.adapter_root"),
        ({"lora_name": "x", "lora_path": "a\0b"}, 404, "No adapter found"),
        ({"lora_name": "x", "lora_path": "a" * 5000}, 404, "No adapter found"),
        ({"lora_name": "../x", "lora_path": "sql"}, 400, "isn't a name"),
        ({"lora_name": "x\n", "lora_path": "sql"}, 400, "isn't a name"),
        ({"lora_name": "x" * 129, "lora_path": "sql"}, 400, "isn't a name"),
        ({"lora_name": "tiny", "lora_path": "sql"}, 400, "has already been loaded"),
        (
            {"lora_name": "tiny", "lora_path": "sql", "load_inplace": True},
            400,
            "has already been loaded",
        ),
        ({"lora_name": 3, "lora_path": "sql"}, 400, "lora_name"),
    ],
)
def test_what_cant_be_loaded_is_refused_and_changes_nothing(told, open_server, body, status, why):
    found, _, message = told("load", **body)
    assert found == status and why in message
    assert names(open_server.client) == ["tiny"]


def test_what_cant_be_unloaded(told):
    why = "'lora_name' needs to be provided to unload a LoRA adapter."
    assert told("unload") == (400, "InvalidUserInput", why)
    assert told("unload", lora_name="tiny")[0] == 404


def test_it_is_off_unless_it_is_asked_for(client):
    body = {"lora_name": "x", "lora_path": "sql"}
    for path in ("load", "unload"):
        answer = client.post(f"/v1/{path}_lora_adapter", json=body)
        assert answer.status_code == 404
        assert "serve.allow_runtime_adapters=true" in answer.json()["error"]["message"]


def test_streams_that_run_and_others_that_come_keep_their_adapter_through_all_of_it(
    told, open_server, client
):
    """Loaded, loaded anew and unloaded under load: each answer is one adapter's or a clear 404."""
    right = {text(client, "sql"), text(client, "verse")}
    found = []

    def keep_asking():
        for _ in range(12):
            answer = open_server.client.post("/v1/completions", json={"model": "hot", **GREEDY})
            found.append((answer.status_code, answer.json()))

    told("load", lora_name="hot", lora_path="sql")
    threads = [Thread(target=keep_asking) for _ in range(3)]
    for each in threads:
        each.start()
    for turn in range(6):
        path = "verse" if turn % 2 else "sql"
        assert "Success" in told("load", lora_name="hot", lora_path=path, load_inplace=True)
        if turn % 3 == 2:
            assert "Success" in told("unload", lora_name="hot")
    told("load", lora_name="hot", lora_path="sql", load_inplace=True)
    for each in threads:
        each.join(600)
    assert len(found) == 36
    for status, answer in found:
        if status == 200:
            assert answer["choices"][0]["text"] in right
        else:
            assert status == 404 and "does not exist" in answer["error"]["message"]
    assert any(status == 200 for status, _ in found)


def test_a_folder_that_appears_can_be_named_where_that_is_on(root, cache, client):
    """And no other: what isn't there, leads elsewhere, or isn't a name stays unknown."""
    settings = ("adapters=none", "serve.resolve=true", f"serve.adapter_root='{root}'")
    with running(*settings, cache=cache) as started:
        mine = started.client
        assert names(mine) == ["tiny"]
        asked(mine, status=404, model="late", **GREEDY)
        shutil.copytree(TINY / "shout", root / "late")
        assert text(mine, "late") == text(client, "shout")
        assert names(mine) == ["tiny", "late"]
        for name in ("../outside", "nothing", "", ".", "a/b"):
            asked(mine, status=404, model=name, **GREEDY)
        for name in ("broken", "link", "inner"):
            assert name not in names(mine)
            asked(mine, status=400, model=name, **GREEDY)
        pieces = streamed(mine, model="verse", **GREEDY)
        told = "".join(each["choices"][0]["text"] for each in pieces)
        assert told == text(client, "verse")


@pytest.mark.parametrize(
    ("overrides", "why"),
    [
        (["serve.allow_runtime_adapters=true"], "serve.adapter_root=FOLDER"),
        (["serve.resolve=true"], "serve.adapter_root=FOLDER"),
        (["serve.adapter_root=/nowhere"], "no such folder"),
        (
            ["serve.resolve=true", "serve.adapter_root=/tmp", "engine=noop"],
            "can't add adapters while it runs",
        ),
    ],
)
def test_settings_that_cant_be_are_refused_before_anything_starts(overrides, why):
    with pytest.raises(UsageError, match=why):
        composed(overrides)


def test_vllms_variable_says_it_too(monkeypatch, tmp_path):
    monkeypatch.setenv("VLLM_ALLOW_RUNTIME_LORA_UPDATING", "True")
    assert composed([f"serve.adapter_root={tmp_path}"]).serve.loads
    monkeypatch.setenv("VLLM_ALLOW_RUNTIME_LORA_UPDATING", "0")
    assert not composed([]).serve.loads
