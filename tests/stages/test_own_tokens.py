"""A run with an adapter that has tokens of its own, from the text of prompts to fidelity."""

import json
from hashlib import sha256
from shutil import copytree

import pytest
from transformers import PreTrainedTokenizerFast

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
CHAT = ROOT / "tests" / "workload" / "data" / "chat.jinja"
OWN_CHAT = (
    "{{ bos_token }}{% for message in messages %}{{ message['role'] }}<go>{{ message['content'] }}"
    "{% endfor %}{% if add_generation_prompt %}<go>{% endif %}"
)


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


@pytest.fixture
def templated(root, tmp_path):
    """Overrides for the same two, of which `odd` has a chat template of its own."""
    copytree(root / "them", tmp_path / "with a template")
    (tmp_path / "with a template" / "odd" / "chat_template.jinja").write_text(OWN_CHAT)
    return (f"adapters.path='{tmp_path / 'with a template'}'", f"workload.chat.template={CHAT}")


@pytest.mark.parametrize("by_text", ["true", "false"])
def test_conversations_are_written_by_its_own_template_or_the_models(
    by_text, overrides, templated, prepared, tmp_path
):
    chat = ("workload.chat.prompts=true", f"workload.text={by_text}")
    trace = prepared(*overrides[:-1], *templated, *chat).trace
    asked = {each.adapter: each for each in trace.requests}
    odd = PreTrainedTokenizerFast.from_pretrained(tmp_path / "with a template" / "odd")
    said = [{"role": "user", "content": TEXTS[0]}]
    ids = odd.apply_chat_template(said, add_generation_prompt=True, return_dict=False)
    assert list(asked["odd"].prompt_ids) == ids and ids.count(2048) == 3
    assert "user<go>select<go> from<go>" in asked["odd"].prompt
    if by_text == "true":
        assert odd(asked["odd"].prompt)["input_ids"] == ids
        assert BASE.tokenizer().encode(asked["plain"].prompt).ids == [*asked["plain"].prompt_ids]
    assert "<go>" not in asked["plain"].prompt and TEXTS[1] in asked["plain"].prompt
    own = {"odd": sha256(OWN_CHAT.encode()).hexdigest()}
    assert trace.laws["chat"]["own_templates_sha256"] == own


def test_without_a_template_of_its_own_it_has_the_models(overrides, prepared):
    chat = ("workload.chat.prompts=true", f"workload.chat.template={CHAT}")
    trace = prepared(*overrides[:-1], *chat).trace
    for each in trace.requests:
        assert (2048 in each.prompt_ids) == (each.adapter == "odd")
    assert "own_templates_sha256" not in trace.laws["chat"]


def test_a_question_in_a_conversation_is_put_by_its_own_template(
    overrides, templated, prepared, tmp_path
):
    said = [("user", "the river"), ("assistant", "<go> a")]
    messages = [{"role": role, "content": content} for role, content in said]
    row = json.dumps({"messages": messages, "adapter": "odd"})
    (tmp_path / "questions.jsonl").write_text(row)
    path = f"quality.path={tmp_path / 'questions.jsonl'}"
    (question,) = prepared(*overrides[:-1], templated[0], path).questions
    assert "user<go>the river<go>" in question.prompt
    assert question.prompt_ids.count(2048) == 2 and question.answer_ids[0] == 2048


@pytest.fixture
def replayed(overrides, prepared, tmp_path):
    """A trace, and overrides that replay it from a file."""
    trace = prepared(*overrides).trace
    trace.write(tmp_path / "trace.jsonl")
    path = f"workload.path={tmp_path / 'trace.jsonl'}"
    return trace, (*overrides[:3], "workload=replay", path)


@pytest.mark.parametrize("by_text", ["true", "false"])
def test_a_trace_is_replayed_by_texts_or_by_ids(by_text, replayed, prepared):
    trace, replay = replayed
    found = prepared(*replay, f"workload.text={by_text}").trace
    assert [each.prompt_ids for each in found.requests] == [e.prompt_ids for e in trace.requests]
    assert found.sha256 == trace.sha256


def test_texts_that_another_tokenizer_made_ids_of_arent_replayed(replayed, prepared, tmp_path):
    _, replay = replayed
    save(
        tmp_path / "them" / "odd", BASE, ["<do>"], modules_to_save=TABLES, target_modules=["q_proj"]
    )
    save(tmp_path / "them" / "plain", BASE, seed=1, target_modules=["q_proj"])
    others = (*replay, f"adapters.path={tmp_path / 'them'}")
    with pytest.raises(UsageError, match=r"workload\.text=false replays its ids"):
        prepared(*others)


def test_ids_of_one_adapter_arent_anothers(overrides, prepared, tmp_path):
    trace = prepared(*overrides).trace
    trace.write(tmp_path / "trace.jsonl")
    rows = (tmp_path / "trace.jsonl").read_text().replace('"odd"', '"plain"')
    (tmp_path / "hand.jsonl").write_text(rows)
    replay = (*overrides[:3], "workload=replay", f"workload.path={tmp_path / 'hand.jsonl'}")
    with pytest.raises(UsageError, match="has the token id 2048"):
        prepared(*replay, "workload.text=false", "workload.in_flight=all")
