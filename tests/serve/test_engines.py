"""Engines that serve batch by batch, behind the server: each adapter's answer is its own."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.serve.asking import GREEDY, PROMPT, asked, streamed
from tests.serve.conftest import running


@pytest.mark.parametrize("engine", ["peft_hotswap", "merged"])
def test_an_engine_of_one_adapter_at_a_time_answers_each_request_by_its_own(engine, cache, offline):
    names = [None, "csv", "html", "csv"]
    with running(f"engine={engine}", "adapters.count=2", cache=cache) as server:

        def told(name):
            said = asked(server.client, **GREEDY, **({"model": name} if name else {}))
            return said["choices"][0]["text"], said["usage"]["completion_tokens"]

        with ThreadPoolExecutor(len(names)) as several:
            answers = [*several.map(told, names)]
        (piece,) = streamed(server.client, **GREEDY, model="csv")
    for name, (text, count) in zip(names, answers, strict=True):
        ids, end = offline(name, PROMPT, max_new_tokens=12)
        assert (text, count) == (end.text.replace("</s>", ""), len(ids))
    assert piece["choices"][0]["text"] == answers[1][0] != answers[2][0]
