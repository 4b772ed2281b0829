"""What comes of requests to servers that answer well, badly, or not at all."""

import asyncio

import pytest

from pipeline.engines.openai import exchange, session
from pipeline.inference.events import Finished, FinishReason, Token
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams
from tests.engines.openai.conftest import OK, chunked, ending, event, response, token, whole
from tests.waiting import until


def asked(id_=0, adapter=None, tokens=4, **said):
    sampling = SamplingParams(max_new_tokens=tokens, ignore_eos=True, **said)
    return Request(id_, adapter, prompt="Say something.", sampling=sampling)


def told(events):
    tokens = [each.token_id for each in events if isinstance(each, Token)]
    (end,) = [each for each in events if isinstance(each, Finished)]
    return tokens, end


def test_tokens_are_the_servers_own_and_as_many_as_a_chunk_has(engine, server, drain):
    server.script = lambda body: whole(token("ab", [5, 6]), token("c", [7]), *ending(3))
    made = engine()
    events = drain(made, asked())
    ids, end = told(events)
    assert (ids, end.error, end.reason, end.text) == ([5, 6, 7], None, FinishReason.LENGTH, "abc")
    stamps = [each.at for each in events]
    assert stamps == sorted(stamps)
    assert stamps[0] == stamps[1] <= stamps[2] <= end.at
    assert made.notes == ()


def test_the_body_says_what_is_asked(engine, server, drain, checkpoint):
    made = engine(
        extra={"return_token_ids": True, "stream_options": {"continuous_usage_stats": True}}
    )
    drain(made, asked(0), asked(1, "sql", stop=("x",), temperature=0.5, seed=7))
    base, sql = sorted(server.bodies, key=lambda body: len(body))
    ids = checkpoint.tokenizer().encode("Say something.").ids
    assert base == {
        "model": "base",
        "prompt": ids,
        "max_tokens": 4,
        "temperature": 0.0,
        "skip_special_tokens": False,
        "ignore_eos": True,
        "return_token_ids": True,
        "stream": True,
        "stream_options": {"include_usage": True, "continuous_usage_stats": True},
    }
    drawing = {"temperature": 0.5, "top_p": 1.0, "min_p": 0.0, "seed": 7, "stop": ["x"]}
    assert sql == base | drawing | {"model": "sql"}


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"adapter_spelling": "{base}:{name}"}, {"model": "base:sql"}),
        ({"adapter_field": "adapter_id"}, {"model": "base", "adapter_id": "sql"}),
        ({"adapter_field": "lora"}, {"model": "base", "lora": [{"id": 3, "scale": 1.0}]}),
        ({"adapter_names": {"sql": "sql"}}, {"model": "sql"}),
    ],
)
def test_an_adapter_is_named_as_the_server_takes_it(said, field, engine, server, drain):
    drain(engine(**said), asked(adapter="sql"))
    assert server.bodies[0] == server.bodies[0] | field


def test_the_base_names_no_adapter(engine, server, drain):
    drain(engine(adapter_field="lora"), asked())
    assert server.bodies[0]["lora"] == [{"id": 0, "scale": 0.0}]


def test_a_long_answer_is_read_whatever_the_server_calls_its_length(engine, server, drain):
    server.script = lambda body: whole(*(token("a", [5]) for _ in range(1200)), *ending(1200))
    made = engine(fields={"max_new_tokens": "max_completion_tokens"})
    ids, end = told(drain(made, asked(tokens=1200)))
    assert (len(ids), end.error) == (1200, None)
    assert server.bodies[0]["max_completion_tokens"] == 1200


def test_chat_is_asked_and_read_as_chat(engine, server, drain):
    def delta(text):
        return event(choices=[{"delta": {"content": text}, "finish_reason": None}])

    server.script = lambda body: whole(delta("so"), delta("me"), *ending(2))
    made = engine(endpoint="chat", send="text")
    tokens, end = told(drain(made, asked()))
    assert server.heads[-1].startswith("POST /v1/chat/completions")
    assert server.bodies[0]["messages"] == [{"role": "user", "content": "Say something."}]
    assert (end.text, len(tokens)) == ("some", 2)
    assert any("chat template" in note for note in made.notes)


PAUSE = b""
ELSEWHERE = b"HTTP/1.1 307 Moved\r\nlocation: /v1/models\r\ncontent-length: 0\r\n\r\n"
FAULTS = {
    "refused": ([response(429, b'{"error": {"message": "too\\nmany"}}')], "HTTP 429: too many"),
    "missing": ([response(404, b'{"detail": "no such model"}')], "HTTP 404: no such model"),
    "a page": ([response(500, b"<h1>Oh</h1>", "text/html")], "HTTP 500: <h1>Oh</h1>"),
    "wordless": ([response(503, b"")], "HTTP 503: without a word"),
    "no stream": ([response(200, b'{"choices": []}')], "text/event-stream"),
    "no JSON": ([OK, chunked(b"data: {oops\n\n"), chunked(b"")], "sent what is no JSON: '{oops'"),
    "an array": ([OK, chunked(b"data: [1]\n\n"), chunked(b"")], "sent what is no object"),
    "nested": ([OK, chunked(b"data: " + b"[" * 10**5 + b"\n\n"), chunked(b"")], "no JSON"),
    "wrong ids": ([OK, chunked(token("a", [2**40])), chunked(b"")], "token ids that are none"),
    "bad choices": ([OK, chunked(event(choices=[3])), chunked(b"")], "choices that are none"),
    "an error": ([OK, chunked(event(error={"message": "dead"})), chunked(b"")], "said: dead"),
    "cut": ([OK, chunked(token("a", [5])), b"close"], "after 1 chunks"),
    "ended early": ([OK, chunked(token("a", [5])), chunked(b"")], "the stream broke off"),
    "aborted": ([OK, chunked(b"".join(ending(1, "abort"))), chunked(b"")], "ended it: abort"),
    "a huge line": ([OK, chunked(b"data: " + b"x" * 2_000_000), b"close"], "exceeded"),
    "nothing at all": ([b"close"], "disconnected"),
    "no HTTP": ([b"SSH-2.0-hello\r\n", b"close"], "sent what is no HTTP"),
    "no length": ([OK + b"zzz\r\n"], "sent what is no HTTP: Invalid character in chunk size"),
    "no length later": ([OK, chunked(token("a", [5])), PAUSE, b"zzz\r\n"], "sent what is no HTTP"),
    "elsewhere": ([ELSEWHERE], "HTTP 307: without a word"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_goes_wrong_is_the_end_of_that_request_alone(fault, engine, server, drain):
    pieces, said = FAULTS[fault]

    async def badly(body):
        for each in pieces:
            if each == PAUSE:
                await asyncio.sleep(0.05)
            yield each

    made = engine()
    server.script = badly
    _, end = told(drain(made, asked(0)))
    assert end.reason is FinishReason.ERROR
    assert said in end.error
    assert "\n" not in end.error
    server.script = lambda body: whole(token("a", [5]), *ending(1))
    assert told(drain(made, asked(1)))[1].error is None
    assert len(server.bodies) == 2, "nothing is sent twice"


def test_tokens_that_came_before_the_fault_are_told(engine, server, drain):
    async def cut(body):
        yield OK
        yield chunked(token("a", [5]) + token("b", [6]))
        yield b"close"

    server.script = cut
    tokens, end = told(drain(engine(), asked()))
    assert (tokens, end.reason) == ([5, 6], FinishReason.ERROR)


def test_a_server_that_says_nothing_is_given_up_in_time(engine, server, drain):
    async def silent(body):
        yield OK
        await asyncio.sleep(3600)

    server.script = silent
    _, end = told(drain(engine(timeout_s=0.2), asked()))
    assert end.error == "no answer within engine.timeout_s=0.2"


def test_an_answer_without_end_is_ended(engine, server, drain):
    async def endless(body):
        yield OK
        while True:
            yield chunked(token("a", [5]) * 100)

    server.script = endless
    assert "doesn't come to an end" in told(drain(engine(), asked()))[1].error


def test_a_cancelled_request_ends_and_its_connection_is_closed(engine, server):
    async def slow(body):
        yield OK
        yield chunked(token("a", [5]))
        await asyncio.sleep(3600)

    server.script = slow
    made = engine()
    made.submit(asked())
    made.step()
    while not server.bodies:
        made.wait(0.01)
    made.cancel(0)
    events = []
    while made.busy:
        events += made.step()
        made.wait(1)
    assert events[-1].reason is FinishReason.CANCELLED
    made.submit(asked())
    made.cancel(0)
    while made.busy:
        events += made.step()
        made.wait(1)
    assert events[-1].reason is FinishReason.CANCELLED


def test_connections_are_kept_and_a_closed_one_is_replaced(engine, server, drain, monkeypatch):
    monkeypatch.setattr(session, "IDLE_S", 600)
    monkeypatch.setattr(exchange, "LINGER_S", 600)
    made = engine()
    for number in range(3):
        drain(made, asked(number))
    assert server.connections == 2, "one of the question which models there are, one of the engine"

    async def closing(body):
        async for piece in whole(token("a", [5]), *ending(1)):
            yield piece
        yield b"close"

    server.script = closing
    for number in range(2):
        assert told(drain(made, asked(number)))[1].error is None
        until(lambda: not server.open)


def test_many_are_under_way_at_once(engine, server, drain):
    gate = asyncio.Event()

    async def together(body):
        yield OK
        if len(server.bodies) == 40:
            gate.set()
        await gate.wait()
        yield chunked(token("x", [5]))
        yield chunked(b"".join(ending(1))) + chunked(b"")

    server.script = together
    events = drain(engine(), *(asked(number, tokens=1) for number in range(40)))
    assert sum(isinstance(each, Token) for each in events) == 40


def test_an_unknown_adapter_is_refused_and_never_sent(engine, server, drain):
    _, end = told(drain(engine(), asked(adapter="other")))
    assert end.error == "adapter 'other' was never given to this engine"
    assert server.bodies == []


def test_text_is_sent_as_text_and_another_number_of_tokens_is_said(engine, server, drain):
    server.script = lambda body: whole(token("a", [5]), *ending(1, prompt=7))
    made = engine(send="text")
    drain(made, asked())
    assert server.bodies[0]["prompt"] == "Say something."
    assert made.notes == (
        "1 of 1 prompts have another number of tokens on the server, the first 7 in place of 6",
    )


FOUND = "50% of the prompts' tokens were found in the server's prefix cache, not computed"


def page(hits, queries):
    return (
        "# TYPE vllm:prefix_cache_hits_total counter\n"
        f'vllm:prefix_cache_hits_total{{engine="0",model_name="a b"}} {hits}\n'
        f'vllm:prefix_cache_hits_created{{engine="0",model_name="a b"}} 1.7e9\n'
        "# TYPE vllm:prefix_cache_queries_total counter\n"
        f'vllm:prefix_cache_queries_total{{engine="0",model_name="a b"}} {queries}\n'
        "# TYPE vllm:external_prefix_cache_hits_total counter\n"
        "vllm:external_prefix_cache_hits_total 9\n"
    )


def test_prompts_that_a_servers_answers_say_were_found_are_a_caution(engine, server, drain):
    server.script = lambda body: whole(token("a", [5]), *ending(1, cached=5))
    made = engine()
    drain(made, asked())
    made.forget_prefixes()
    server.script = lambda body: whole(token("a", [5]), *ending(1, cached=3))
    drain(made, asked(0), asked(1))
    (note,) = made.notes
    assert note.startswith(FOUND)


def test_so_are_those_that_its_counters_tell_of(engine, server, drain):
    """Of the measured time alone: what the warm-up found came before."""
    made = engine()
    server.metrics = page(100, 1000)
    made.forget_prefixes()
    drain(made, asked())
    server.metrics = page(132, 1064)
    (note,) = made.notes
    assert note.startswith(FOUND)


@pytest.mark.parametrize("after", [page(100, 1064), "some_metric 1\n", "{[", "\x00"])
def test_a_server_that_found_nothing_or_says_nothing_is_no_caution(engine, server, drain, after):
    made = engine()
    server.metrics = page(100, 1000)
    made.forget_prefixes()
    drain(made, asked())
    server.metrics = after
    assert made.notes == ()


@pytest.mark.parametrize("profiled", [0, 2])
def test_what_was_seen_of_the_measured_part_is_kept(
    profiled, settings, server, checkpoint, drain, tmp_path
):
    from pipeline.engines.settings import Serving
    from pipeline.files.documents import read_json

    serving = Serving(checkpoint, {}, threads=1, folder=tmp_path / "server")
    with settings().build(serving) as made:
        drain(made, asked())
        server.metrics = "some_metric 1\n"
        made.forget_prefixes()
        drain(made, asked(0), asked(1))
        server.metrics = "some_metric 2\n"
        for _ in range(profiled):
            made.forget_prefixes()
            drain(made, asked())
            server.metrics = "some_metric 3\n"
    assert read_json(tmp_path / "server" / "client.json")["tokens_known_by"] == {"ids": 2}
    for when, number in (("start", 1), ("end", 2)):
        kept = (tmp_path / "server" / f"metrics_{when}.prom").read_text()
        assert kept == f"some_metric {number}\n"
