"""A run with an adapter that has tokens of its own, from the text of prompts to fidelity."""

import json

import pytest

from pipeline.errors import UsageError
from pipeline.metrics.timeline import Timeline
from pipeline.models.checkpoint import Checkpoint
from pipeline.stages import reference as stage
from pipeline.stages.build import build
from pipeline.stages.fidelity import examine
from pipeline.stages.preflight import preflight
from pipeline.stages.prepare import prepare
from pipeline.stages.reference import refer
from pipeline.stages.replay import Replay
from tests.added_tokens import TABLES, save
from tests.conftest import ROOT
from tests.engines.judged import made_here

BASE = Checkpoint.open(ROOT / "pipeline" / "assets" / "tiny" / "base")
TEXTS = ("select<go> from", "def f(x):")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("run")
    save(root / "them" / "odd", BASE, ["<go>"], modules_to_save=TABLES, target_modules=["q_proj"])
    save(root / "them" / "plain", BASE, seed=1, target_modules=["q_proj"])
    (root / "prompts.jsonl").write_text("".join(json.dumps({"prompt": t}) + "\n" for t in TEXTS))
    asked = [{"prompt": TEXTS[0], "answer": "<go> a", "adapter": each} for each in ("odd", "plain")]
    (root / "questions.jsonl").write_text("".join(json.dumps(each) + "\n" for each in asked))
    return root


@pytest.fixture
def overrides(root, tmp_path):
    return (
        *("threads=1", "adapters=folder", f"adapters.path={root / 'them'}"),
        *("workload/prompts=jsonl", f"workload.prompts.path={root / 'prompts.jsonl'}"),
        *("workload.prompts.order=file", "workload/popularity=round_robin"),
        *("workload.batch_size=4", "workload.iterations=1", "workload.max_new_tokens=4"),
        *("engine@fidelity.reference=peft_hotswap", f"paths.cache={tmp_path / 'cache'}"),
        f"quality.path={root / 'questions.jsonl'}",
    )


def test_everybody_reads_texts_by_a_tokenizer_of_their_own(overrides, prepared):
    ready = prepared(*overrides)
    odd = next(each for each in ready.adapters if each.name == "odd").vocabulary()
    for each in (*ready.trace.requests, *ready.questions):
        tokenizer = odd.tokenizer if each.adapter == "odd" else BASE.tokenizer()
        assert list(each.prompt_ids) == tokenizer.encode(each.prompt).ids
    high = {each.adapter for each in ready.trace.requests if 2048 in each.prompt_ids}
    assert high == {"odd"}
    answers = {each.adapter: each.answer_ids for each in ready.questions}
    assert answers["odd"][0] == 2048 and max(answers["plain"]) < 2048


@pytest.mark.parametrize("engine", ["multilora", "peft_hotswap"])
def test_a_run_is_faithful(engine, overrides, config, monkeypatch):
    monkeypatch.setattr(stage, "_in_its_own_process", made_here)
    settings = config(*overrides, f"engine={engine}")
    preflight([settings])
    ready = prepare(settings)
    reference = refer(settings, ready, "0" * 64)
    assert reference.trouble is None
    with build(settings, ready) as built:
        iteration, records = Replay(built.engine, ready.trace.requests, None).run(0)
        timeline = Timeline(tuple(records), (iteration,))
        found = examine(settings, reference, built.engine, timeline, ready.trace.requests)
    assert not found.faults
    assert {each.error for each in records} == {None}
    figures = found.metrics(())
    assert figures["served_agreement"] == figures["token_agreement"] == 1
    assert 0 <= figures["mean_kl"] < 1e-4


def test_a_trace_is_replayed_by_its_ids(overrides, prepared, tmp_path):
    trace = prepared(*overrides).trace
    trace.write(tmp_path / "trace.jsonl")
    replay = (*overrides[:3], "workload=replay", f"workload.path={tmp_path / 'trace.jsonl'}")
    found = prepared(*replay, "workload.text=false").trace
    assert [each.prompt_ids for each in found.requests] == [e.prompt_ids for e in trace.requests]
    with pytest.raises(UsageError, match=r"workload\.text=false replays its ids"):
        prepared(*replay)


def test_ids_of_one_adapter_arent_anothers(overrides, prepared, tmp_path):
    trace = prepared(*overrides).trace
    trace.write(tmp_path / "trace.jsonl")
    rows = (tmp_path / "trace.jsonl").read_text().replace('"odd"', '"plain"')
    (tmp_path / "hand.jsonl").write_text(rows)
    replay = (*overrides[:3], "workload=replay", f"workload.path={tmp_path / 'hand.jsonl'}")
    with pytest.raises(UsageError, match="has the token id 2048"):
        prepared(*replay, "workload.text=false", "workload.in_flight=all")
