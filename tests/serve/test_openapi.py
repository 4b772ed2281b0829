"""The OpenAPI document says what is answered, and nothing in it makes the server fail."""

import shutil
import subprocess

import pytest

from tests.serve.asking import GREEDY, asked
from tests.serve.conftest import running

INSTALL = "pip install schemathesis, where its program is found"
FIELDS = {"message", "type", "param", "code"}
PROGRAM = shutil.which("schemathesis")
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance"
)


@pytest.fixture(scope="module")
def document(client):
    return client.get("/openapi.json").json()


def test_every_endpoint_says_which_errors_it_has(document):
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            statuses = {*told["responses"]}
            assert {"200", "400", "401", "403", "408", "413", "500", "503"} <= statuses
            assert "422" not in statuses
            if method == "post" and path != "/ping":
                assert {"404", "415"} <= statuses
            for status in statuses - {"200"}:
                content = told["responses"][status]["content"]["application/json"]
                assert {*content["schema"]["properties"]["error"]["required"]} == FIELDS


def test_a_model_in_the_path_is_told_as_a_parameter_of_it(document):
    (parameter,) = document["paths"]["/v1/models/{model}"]["get"]["parameters"]
    assert (parameter["name"], parameter["in"], parameter["required"]) == ("model", "path", True)


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/chat/completions"])
def test_where_a_model_answers_it_may_stream_or_refuse(document, path):
    responses = document["paths"][path]["post"]["responses"]
    assert {*responses["200"]["content"]} == {"application/json", "text/event-stream"}
    assert "429" in responses


def test_what_errors_look_like_is_what_they_are(client):
    told = client.post("/v1/completions", json=GREEDY | {"max_tokens": 0}).json()
    assert {*told} == {"error"} and {*told["error"]} == FIELDS


@pytest.fixture(params=["engine=noop", "serve.allow_runtime_adapters=true"])
def tried(request, cache, tmp_path):
    """A server of its own: one that computes nothing, and multilora, which is let load adapters."""
    with running(request.param, f"serve.adapter_root='{tmp_path}'", cache=cache) as started:
        yield started


@pytest.mark.skipif(PROGRAM is None, reason=INSTALL)
def test_schemathesis_finds_no_fault(tried, tmp_path):
    options = ["--checks", CHECKS, "--max-examples", "5", "--max-time", "20", "--seed", "1"]
    command = [PROGRAM, "run", f"{tried.url}/openapi.json", "--request-timeout", "60", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-5000:]
    assert asked(tried.client, **GREEDY)["usage"]["completion_tokens"]
