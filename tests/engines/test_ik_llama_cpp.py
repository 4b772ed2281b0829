"""ik_llama.cpp as an engine, beside llama.cpp in one process, on the same files."""

from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from pipeline.adapters.as_gguf import gguf_adapter_of
from pipeline.engines.ik_llama_cpp.settings import INSTALL, IkLlamaCppSettings
from pipeline.engines.llama_cpp import settings as module
from pipeline.engines.settings import Serving
from pipeline.errors import UsageError
from pipeline.inference.events import Finished, Token

THERE = pytest.mark.skipif(
    find_spec("ik_llama_cpp") is None, reason=f"ik_llama.cpp isn't installed: {INSTALL}"
)
NAMES = ("sql", "verse", "html", "logs", "markdown")
"""Ranks of 4 and of 16; the first two have as many modules, and others."""


def chosen(cache=Path("unused"), **values):
    return IkLlamaCppSettings(name="ik_llama_cpp", cache=cache, **values)


@pytest.fixture
def ik(cache, checkpoint, adapters):
    @contextmanager
    def entered(served=NAMES, **values):
        serving = Serving(checkpoint, {name: adapters[name] for name in served}, threads=1)
        with chosen(cache, **values).build(serving) as engine:
            yield engine

    return entered


def test_without_the_package_the_command_that_installs_it_is_named(
    monkeypatch, checkpoint, adapters
):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(
        UsageError, match=r"engine=ik_llama_cpp needs .*pip install ik-llama"
    ) as why:
        chosen().check(checkpoint, adapters)
    assert "\n" not in str(why.value)


def test_float32_is_refused(config):
    with pytest.raises(UsageError, match=r"engine\.precision"):
        config("engine=ik_llama_cpp", "engine.precision=f32")


def test_a_ready_made_adapter_of_a_rank_that_it_gets_wrong_is_refused(
    monkeypatch, checkpoint, adapters, tmp_path
):
    monkeypatch.setattr(module, "find_spec", lambda name: True)
    ready = {"sql": gguf_adapter_of(adapters["sql"], checkpoint.config, tmp_path)}
    with pytest.raises(UsageError, match="rank 4"):
        chosen(adapters_gguf=ready).check(checkpoint, adapters)
    wide = {"sql": gguf_adapter_of(adapters["sql"], checkpoint.config, tmp_path, 16)}
    chosen(adapters_gguf=wide).check(checkpoint, adapters)


@THERE
@pytest.mark.parametrize("precision", ["f16", "q8_0", "q4_0"])
def test_it_says_what_llama_cpp_says_of_the_same_files(
    precision, ik, llama, request_of, checkpoint
):
    """In either order of the adapters, whose graphs may be as long as one another."""
    ids, more = request_of(0, None).prompt_ids, checkpoint.tokenizer().encode(" the harbour").ids
    order = (*NAMES, None, *reversed(NAMES))
    with llama(precision=precision) as engine:
        theirs = [engine.score(name, ids, more) for name in order]
    with ik(precision=precision) as engine:
        ours = [engine.score(name, ids, more) for name in order]
        assert engine.backend.kernels == "ik_llama.cpp"
    for mine, other in zip(ours, theirs, strict=True):
        assert (np.exp(other) * (other - mine)).sum(1).mean() < 1e-3


@THERE
@pytest.mark.parametrize("policy", ["grouped", "interleaved"])
def test_groups_share_decodes_in_a_cache_that_is_torn(policy, ik, request_of, drain, outputs):
    """Positions for a few requests alone, which come and go, so that free ones lie scattered."""
    asked = [(1, 40), (0, 8), (2, 30), (3, 5), (1, 17), (0, 25), (4, 12), (None, 9)]
    requests = [
        request_of(i, None if which is None else NAMES[which], tokens, i)
        for i, (which, tokens) in enumerate(asked)
    ]
    with ik(precision="f16", policy=policy, context=160, max_batch_size=4) as engine:
        events = drain(engine, *requests)
        ends = [event for event in events if isinstance(event, Finished)]
        assert {event.error for event in ends} == {None}
        assert [len(ids) for _, ids in sorted(outputs(events).items())] == [n for _, n in asked]
        for request in requests:
            assert request.prompt_ids
            served = outputs(events)[request.id]
            scores = engine.score(request.adapter, request.prompt_ids, served)
            behind = scores.max(1) - scores[np.arange(len(served)), served]
            assert behind.max() < 0.1


@THERE
def test_without_adapters_it_computes_as_it_likes_best(ik, request_of, drain):
    with ik(served=(), precision="q8_0") as engine:
        events = drain(engine, *[request_of(i, None, 5, i) for i in range(4)])
    assert len({event.at for event in events if isinstance(event, Token)}) == 5


@THERE
def test_what_isnt_finite_ends_its_request_and_harms_nobody(ik, request_of, drain, outputs):
    with ik(served=("html", "verse"), precision="f16", policy="interleaved") as engine:
        expected = outputs(drain(engine, request_of(1, "verse", 8)))
        runner, calls = engine._runner, []
        right = runner.decode

        def poisoned(chunks):
            calls.append(right(chunks))
            if len(calls) == 5:  # the first request's third token
                calls[-1].fill(np.nan)
            return calls[-1]

        runner.decode = poisoned
        events = drain(engine, request_of(0, "html", 8), request_of(1, "verse", 8))
    assert "aren't finite" in {e.request_id: e for e in events if isinstance(e, Finished)}[0].error
    assert outputs(events)[1] == expected[1]
