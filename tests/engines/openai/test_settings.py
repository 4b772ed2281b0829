"""What is wrong with a server or its settings is one line, before anything heavy starts."""

import pytest

from pipeline.engines.openai.settings import OpenAiSettings
from pipeline.errors import UsageError
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"base_url": "localhost:8000"}, "isn't the address of a server"),
        ({"base_url": "http://[bad"}, "isn't the address of a server"),
        ({"base_url": "http://me:secret@host"}, "holds a password"),
        ({"base_url": "http://me:secret@host:99999999"}, "isn't the address of a server"),
        ({"endpoint": "chat"}, "engine.send=text belongs to it"),
        ({"extra": {"model": "x"}}, "engine.extra.model: the run itself says that"),
        ({"fields": {"beams": "n"}}, "engine.fields.beams: is no field"),
        ({"adapter_spelling": "lora"}, r"has no \{name\} in it"),
        ({"launch": {"command": "x 'y"}}, "quote it as a shell does"),
        ({"launch": {"command": []}}, "is empty"),
        (
            {"launch": {"command": "x", "environment": {"HF_TOKEN": "secret"}}},
            "engine.launch.environment.HF_TOKEN: would stand in every record of the run; export",
        ),
        ({"launch": {"command": "x --api-key secret"}}, "what '--api-key' is given would stand"),
        ({"launch": {"command": "x --api-key=secret"}}, "what '--api-key' is given would stand"),
        ({"extra": {"api_token": "secret"}}, "engine.extra.api_token: would .*api_key_env"),
        ({"launch": {"command": ["x", "{ports}"]}}, r"\{ports\} stands for nothing there"),
    ],
)
def test_what_can_not_be_meant_is_refused(said, line, settings):
    with pytest.raises(UsageError, match=line) as caught:
        settings(**said)
    assert "secret" not in str(caught.value)


def test_what_only_sounds_like_a_key_is_taken(settings):
    words = "x --api-key-file f --max-num-batched-tokens 8 --eos-token y --api-key --port 1"
    launch = {"command": words, "environment": {"HF_TOKEN": "", "TOKENIZERS_PARALLELISM": "false"}}
    assert settings(launch=launch, extra={"max_completion_tokens": 3}).launch.environment


@pytest.mark.parametrize(
    ("change", "said", "line"),
    [
        ({"models": {"data": []}}, {}, "names no model; give engine.model"),
        ({"models": {"data": [{"id": "base"}]}}, {}, "serves no adapter 'sql', it serves 'base'"),
        ({"models": "what"}, {}, "isn't what an OpenAI-compatible server lists"),
        ({"models": {"data": [3]}}, {}, "isn't what an OpenAI-compatible server lists"),
        ({}, {"model": "other"}, "engine.model=other: .* doesn't serve it"),
        ({}, {"adapter_names": {"sql": "mine"}}, "serves no adapter 'mine'"),
        ({"adapters": []}, {"adapter_field": "lora"}, "has no adapter 'sql', it has none"),
        ({}, {"base_url": "http://127.0.0.1:1"}, "no server answers there"),
        ({}, {"api_key_env": "NO_SUCH_KEY"}, "engine.api_key_env=NO_SUCH_KEY: no such variable"),
        ({}, {"launch": {"command": "no-such-program-at-all"}}, "there is no program"),
        (
            {},
            {"launch": {"command": ["{python}", "{gguf}"]}, "precision": "fp32"},
            "engine.precision=fp32: the launched server reads a GGUF file",
        ),
    ],
)
def test_what_a_server_lacks_is_refused(change, said, line, settings, server, checkpoint, adapters):
    for name, value in change.items():
        setattr(server, name, value)
    with pytest.raises(UsageError, match=line):
        settings(**said).check(checkpoint, {"sql": adapters["sql"]})


def test_a_server_that_serves_them_is_taken(settings, server, checkpoint, adapters, monkeypatch):
    monkeypatch.setenv("MY_KEY", "abc")
    settings(api_key_env="MY_KEY", base_url=f"{server.url}/v1/").check(
        checkpoint, {"sql": adapters["sql"]}
    )
    assert "authorization: Bearer abc" in server.heads[-1]
    assert server.heads[-1].startswith("GET /v1/models")


def test_a_key_that_no_header_can_hold_is_not_shown(settings, monkeypatch, checkpoint):
    monkeypatch.setenv("MY_KEY", "se\ncret")
    with pytest.raises(UsageError, match="can't stand in a header") as caught:
        settings(api_key_env="MY_KEY").check(checkpoint, {})
    assert "cret" not in str(caught.value)


def test_what_the_server_takes_no_field_for_is_refused(settings):
    made: OpenAiSettings = settings(fields={"min_tokens": None, "ignore_eos": None})

    def refused(**said):
        return made.refusal(Request(0, None, "x", sampling=SamplingParams(**said)))

    assert refused() is None
    assert refused(max_new_tokens=3) is None
    assert refused(min_tokens=3) == "engine.fields says that the server takes no min_tokens"
    assert "min_tokens nor ignore_eos" in refused(min_tokens=3, ignore_eos=True)
    assert "log-probabilities" in refused(logprobs=1)
