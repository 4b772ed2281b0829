"""Before any job is started, everything that a request names is asked whether it can be served."""

import json
from dataclasses import replace

import pytest

from pipeline.engines.noop import NoopSettings
from pipeline.engines.transformers.merged import MergedSettings
from pipeline.errors import UsageError
from pipeline.stages.preflight import preflight
from pipeline.stages.prepare import draw
from tests.models.edited import BASE, UP, copied, reconfigure, rewrite


@pytest.fixture
def asked(monkeypatch):
    """What every engine of the kind `noop` and `merged` was asked about."""
    seen = []

    def check(self, checkpoint, adapters):
        seen.append((self.name, checkpoint.config.family.name, len(adapters)))

    for kind in (NoopSettings, MergedSettings):
        monkeypatch.setattr(kind, "check", check)
    return seen


def test_the_engine_and_the_reference_of_every_job_are_asked_once(config, asked):
    one = config("engine=noop", "adapters.count=2")
    with_reference = replace(one.fidelity, reference=MergedSettings(name="merged"))
    jobs = [replace(one, fidelity=with_reference, repeat=repeat) for repeat in range(9)]
    preflight([*jobs, config("engine=noop", "adapters.count=3", "fidelity.enabled=false")])
    assert asked == [("noop", "llama", 2), ("merged", "llama", 2), ("noop", "llama", 3)]


def test_a_refusal_of_the_reference_is_the_requests(config, monkeypatch):
    def check(self, checkpoint, adapters):
        raise UsageError("not with me")

    one = config("engine=noop")
    monkeypatch.setattr(type(one.fidelity.reference), "check", check)
    with pytest.raises(UsageError, match="not with me"):
        preflight([one])


def test_what_is_made_later_is_judged_by_what_it_will_be(config, asked, tmp_path):
    overrides = ("model=synthetic", "model.shape=llama-160m", "adapters=synthetic")
    preflight([config(*overrides, "adapters.count=50", f"paths.cache={tmp_path}", "engine=noop")])
    assert ("noop", "llama", 50) in asked
    assert not [*tmp_path.iterdir()]


def jsonl(tmp_path, *rows):
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ("engine=noop", "workload/prompts=jsonl", f"workload.prompts.path={path}")


def refusal(config, *overrides):
    with pytest.raises(UsageError) as refused:
        preflight([config(*overrides)])
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    "row, said",
    [
        ({"prompt": "cut \ud83d"}, r"prompts.jsonl:2: holds half a character (\ud83d alone"),
        ({"prompt": "word " * 3000}, "prompts.jsonl:2: 6000 tokens and the 24 asked"),
        ({"prompt": "hi", "max_tokens": 4000}, "prompts.jsonl:2: asks for 4000 tokens"),
        ({"prompt": "hi", "adapter": "nobody"}, "prompts.jsonl:2: names the adapter 'nobody'"),
        ({"ids": [7, 9999]}, "prompts.jsonl:2: has ids and no text"),
        ({"messages": [{"role": "user", "content": "hi"}]}, "base: has no chat template (chat_tem"),
        ({"prompt": "hi", "min_p": 0}, "'min_p': sampling is the whole run's"),
        (
            {"prompt": "hi", "presence_penalty": 1},
            "'presence_penalty': sampling is the whole run's",
        ),
    ],
)
def test_every_prompt_of_a_file_is_judged_before_anything_starts(config, tmp_path, row, said):
    overrides = jsonl(tmp_path, {"prompt": "ok"}, row)
    one = ("workload.iterations=1", "workload.batch_size=1")
    assert said in refusal(config, *overrides, *one)


def test_experts_that_would_stay_as_they_are_are_refused_by_name(config, tmp_path):
    model = ("model=synthetic", "model.shape=olmoe-1b-7b-4-layers", f"paths.cache={tmp_path}")
    asked = ("engine=peft_hotswap", "adapters=synthetic")
    preflight([config(*model, *asked, "fidelity.enabled=false")])
    said = refusal(config, *model, *asked, "model.quantization=nf4", "fidelity.enabled=false")
    assert said.startswith("model.quantization=nf4: the experts of ") and "multilora" in said


def test_too_long_prompts_are_refused_or_left_out_as_configured(config, tmp_path):
    overrides = jsonl(tmp_path, {"prompt": "ok"}, {"prompt": "word " * 3000})
    message = refusal(config, *overrides)
    assert "the model has 2048" in message
    assert "workload.max_prompt_tokens=2024 leaves out what is longer" in message
    preflight([config(*overrides, "workload.max_prompt_tokens=2024")])


def test_an_answer_that_is_too_long_is_the_answers_fault(config):
    assert refusal(config, "workload.max_new_tokens=2048").startswith("workload.max_new_tokens: ")
    message = refusal(config, "workload/prompts=sized", "workload.prompts.tokens=2040")
    assert message.startswith("workload.prompts.tokens=2040: ")


@pytest.mark.parametrize("isolation", ["process", "inline"])
def test_a_job_that_would_be_ended_before_its_last_request_is_refused(config, isolation):
    late = config(
        *("engine=noop", "workload/arrivals=constant", "workload.requests=8", "workload.rate=0.5"),
        *("limits.seconds=16", f"isolation={isolation}"),
    )
    if isolation == "inline":
        preflight([late])
        return
    with pytest.raises(UsageError, match=r"limits.seconds=16: ends the job .* after 16 s"):
        preflight([late])


def test_one_trace_serves_every_engine_of_a_sweep(config, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "pipeline.stages.preflight.draw",
        lambda *asked: drawn.append(1) or draw(*asked),
    )
    preflight([config(f"engine={engine}") for engine in ("noop", "merged", "peft_hotswap")])
    assert len(drawn) == 1


def test_the_reference_must_have_room_for_what_it_is_asked(config):
    short = ("engine=noop", "engine@fidelity.reference=llama_cpp", "fidelity.reference.context=40")
    short = (*short, "fidelity.reference.max_batch_size=8")
    said = refusal(config, *short, "workload.max_new_tokens=64", "fidelity.max_tokens=32")
    assert said.startswith("fidelity.reference.name=llama_cpp: engine.context=40: the longest")
    preflight([config(*short, "workload.max_new_tokens=64", "fidelity.max_tokens=4")])


def test_the_tokenizer_of_a_model_that_isnt_made_yet_is_asked_for_gguf(config, tmp_path):
    path = tmp_path / "tokenizer.json"
    document = json.loads((BASE / "tokenizer.json").read_text("utf-8"))
    path.write_text(json.dumps(document | {"normalizer": {"type": "Lowercase"}}))
    made_later = ("model=synthetic", f"model.tokenizer={path}", "adapters=synthetic")
    overrides = (*made_later, "model.shape=llama-160m", f"paths.cache={tmp_path}/cache")
    assert str(path) in refusal(config, *overrides, "engine=llama_cpp")
    preflight([config(*overrides, "engine=multilora")])


def test_numbers_that_f16_has_no_place_for_are_told_before_the_file_is_written(config, tmp_path):
    folder = copied(tmp_path / "base")

    def large(tensors):
        tensors[UP] = tensors[UP].bfloat16()
        tensors[UP][0, 0] = 1e6
        return tensors

    rewrite(folder, large)
    overrides = ("model=folder", f"model.path={folder}", "engine=llama_cpp")
    said = refusal(config, *overrides, "engine.precision=f16")
    assert UP in said and "engine.precision=f32" in said
    for precision in ("f32", "q8_0"):
        preflight([config(*overrides, f"engine.precision={precision}")])


@pytest.mark.parametrize("kind", ["pad", "eos"])
def test_a_negative_id_says_that_there_is_no_such_token(kind, config, tmp_path):
    folder = copied(tmp_path / "base")
    reconfigure(folder, **{f"{kind}_token_id": -1})
    preflight([config("model=folder", f"model.path={folder}", "engine=llama_cpp")])
