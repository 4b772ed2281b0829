"""Who may ask, and for what."""

import json

import pytest

from pipeline.errors import UsageError
from pipeline.serve.config import composed
from pipeline.serve.keys import Keys
from tests.serve.asking import GREEDY
from tests.serve.conftest import running

ALL, HELD = "k" * 20, "h" * 20


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "the keys.json"
    path.write_text(json.dumps({"ops": ALL, "tenant": {"key": HELD, "adapters": ["sql"]}}))
    return path


@pytest.fixture(scope="module")
def guarded(file, cache):
    with running("engine=noop", f"serve.keys='{file}'", cache=cache) as started:
        yield started.client


def get(client, path, key=None, scheme="Bearer"):
    return client.get(path, headers={"authorization": f"{scheme} {key}"} if key else {})


def post(client, model, key):
    body = {"model": model, **GREEDY}
    headers = {"authorization": f"Bearer {key}"}
    return client.post("/v1/completions", json=body, headers=headers)


@pytest.mark.parametrize("path", ["/v1/models", "/metrics", "/openapi.json", "/nothing"])
def test_nothing_is_told_without_a_key(guarded, path):
    for key, scheme in ((None, ""), ("wrong" * 9, "Bearer"), (ALL, "Basic"), (ALL[:-1], "Bearer")):
        answer = get(guarded, path, key, scheme)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["error"]["type"] == "AuthenticationError"
        assert ALL not in answer.text
    assert get(guarded, path, ALL).status_code in (200, 404)


@pytest.mark.parametrize("path", ["/health", "/ping", "/version"])
def test_whether_it_is_well_is_told_to_anybody(guarded, path):
    assert get(guarded, path).status_code == 200


def test_a_key_may_be_held_to_some_adapters(guarded):
    listed = get(guarded, "/v1/models", HELD).json()["data"]
    assert [each["id"] for each in listed] == ["sql"]
    assert get(guarded, "/v1/models", ALL).json()["data"][0]["id"] == "tiny"
    assert post(guarded, "sql", HELD).status_code == 200
    for model in ("verse", "tiny", "nothing", None):
        answer = post(guarded, model, HELD)
        assert answer.status_code == 404 and "does not exist" in answer.text
    assert post(guarded, "verse", ALL).status_code == 200
    assert get(guarded, "/metrics", HELD).status_code == 403
    assert guarded.post(
        "/v1/unload_lora_adapter",
        json={"lora_name": "verse"},
        headers={"authorization": f"Bearer {HELD}"},
    ).status_code == 403  # fmt: skip


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "no key"),
        ('{"a": "short"}', "at least 16"),
        (json.dumps({"a": {"key": HELD, "adaptors": []}}), "is no key"),
        (json.dumps({"a": {"key": HELD, "adapters": "sql"}}), "must be a list"),
        ('{"a": 3}', "is no key"),
        ('{"a": {"key": null}}', "must be text"),
        (json.dumps({"a": HELD, "b": HELD}), "have one key"),
    ],
)
def test_a_file_that_holds_no_keys_is_refused_and_none_is_shown(tmp_path, said, why):
    path = tmp_path / "keys.json"
    path.write_text(said)
    with pytest.raises(UsageError, match=why) as caught:
        Keys.read(path)
    assert HELD not in str(caught.value) and "short" not in str(caught.value)


def test_another_address_needs_keys(file):
    with pytest.raises(UsageError, match="needs an API key"):
        composed(["serve.host=0.0.0.0"])
    assert composed(["serve.host=0.0.0.0", f"serve.keys='{file}'"]).serve.keys == file
    assert HELD not in repr(Keys.read(file))
