"""Adapters trained with tokens added, among others, each as PEFT serves it alone."""

from pathlib import Path

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from pipeline.adapters.adapter import Adapter
from pipeline.engines.llama_cpp.settings import LlamaCppSettings
from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.engines.noop import NoopSettings
from pipeline.engines.settings import Serving
from pipeline.engines.transformers.merged import MergedSettings
from pipeline.engines.transformers.peft_hotswap import PeftHotswapSettings
from pipeline.engines.transformers.peft_mixed import PeftMixedSettings
from pipeline.errors import UsageError
from pipeline.inference.events import Finished
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams
from pipeline.inference.teacher import Teacher
from pipeline.models.checkpoint import Checkpoint
from tests.added_tokens import TABLES, alone, save
from tests.fuzz.small_checkpoints import VOCABULARY, make

TEXT, COUNT = "def f(x):<go> return<stop>", 8
MULTILORA = MultiloraSettings(name="multilora", kv_tokens=512, max_batch_size=8)
INT8 = MultiloraSettings(name="multilora", precision="int8", kv_tokens=512, max_batch_size=8)
PLAIN = MultiloraSettings(name="multilora", kernels="reference", kv_tokens=512, max_batch_size=8)
HOTSWAP = PeftHotswapSettings(name="peft_hotswap")
ROWS = {"wide": 2, "wider": 16, "other": 2, "along": 2, "adapted": 2, "half": 2}
"""Of those with tokens added, by how many each of their tables is longer than the base's."""


@pytest.fixture(scope="module", params=["llama", "llama tied", "qwen2"])
def base(request, tmp_path_factory):
    return Checkpoint.open(make(request.param, tmp_path_factory.mktemp("base") / "it"))


@pytest.fixture(scope="module")
def root(base, tmp_path_factory):
    """`along` trains no table, so that PEFT saves those of the base that was resized."""
    root = tmp_path_factory.mktemp("adapters")
    whole = {"target_modules": ["q_proj"], "modules_to_save": TABLES}
    save(root / "wide", base, ["<go>", "<stop>"], **whole)
    save(root / "wider", base, ["<stop>", "<go>", "<more>"], ROWS["wider"], 1, **whole)
    save(root / "other", base, ["<stop>", "<go>"], **whole)
    save(root / "along", base, ["<go>", "<stop>"], seed=2, target_modules=["v_proj"])
    adapted = {"target_modules": ["v_proj", *TABLES], "rank_pattern": {"lm_head": 2}}
    save(root / "adapted", base, ["<stop>", "<go>"], seed=5, **adapted)
    half = {"target_modules": ["q_proj", "embed_tokens"], "modules_to_save": TABLES[1:]}
    save(root / "half", base, ["<go>", "<stop>"], seed=6, use_rslora=True, **half)
    save(root / "plain", base, seed=3, target_modules=["q_proj", "down_proj"])
    save(root / "head", base, seed=4, target_modules=["o_proj"], modules_to_save=["lm_head"])
    return root


@pytest.fixture
def serving(base, root):
    """The base and those adapters."""

    def made(*names):
        opened = (Adapter.open(name, root / name, base.config, root / "cache") for name in names)
        return Serving(base, {each.name: each.check_base(base) for each in opened}, threads=1)

    return made


def asked(name, **said):
    sampling = SamplingParams(**{"max_new_tokens": COUNT, "ignore_eos": True, **said})
    return Request(name or "base", name, prompt=TEXT, sampling=sampling)


def by_peft(base, root, name, ids):
    """Tokens, and log-probabilities along them, with one adapter."""
    return alone(base, root / name if name else None, ROWS.get(name, 0), ids, COUNT)


TOGETHER = [
    (MULTILORA, ["wide", "plain", "wider", None, "along", "head"]),
    (PLAIN, ["wider", None, "wide"]),
    (HOTSWAP, ["wide", "plain", None, "along"]),
    (HOTSWAP, ["plain", "wider"]),
    (MULTILORA, ["adapted", "wider", "plain", "half"]),
    (HOTSWAP, ["half", "wide", None, "adapted"]),
]


@pytest.mark.parametrize(("settings", "names"), TOGETHER)
def test_each_gets_what_peft_gives_it_alone(settings, names, base, root, serving, drain, outputs):
    built_from = serving(*filter(None, names))
    settings.check(base, built_from.adapters)
    with settings.build(built_from) as engine:
        events = drain(engine, *map(asked, names))
        given, prompts = (
            outputs(events),
            {each: engine.intake.prompt(asked(each)) for each in names},
        )
        scores = {each: engine.score(each, prompts[each], given[each or "base"]) for each in names}
    ends = {each.request_id: each for each in events if isinstance(each, Finished)}
    for name in names:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(
            root / name if name in ROWS else base.folder
        )
        assert prompts[name] == tokenizer(TEXT)["input_ids"]
        assert (max(prompts[name]) >= VOCABULARY) == (name in ROWS)
        expected, rows = by_peft(base, root, name, prompts[name])
        assert given[name or "base"] == expected
        assert ends[name or "base"].text == tokenizer.decode(expected)
        np.testing.assert_allclose(scores[name], rows, atol=2e-3)


def test_few_bits_stay_near(base, root, serving):
    with INT8.build(serving("wide", "wider")) as engine:
        for name in ("wide", "wider", None):
            ids = engine.intake.prompt(asked(name))
            given, rows = by_peft(base, root, name, ids)
            found = engine.score(name, ids, given)
            assert found.shape == rows.shape
            assert (np.exp(rows) * (rows - found)).sum(axis=1).max() < 0.1


@pytest.mark.parametrize("settings", [MULTILORA, HOTSWAP], ids=["multilora", "peft_hotswap"])
def test_nobody_is_given_anothers_tokens(settings, serving, drain, outputs):
    """Drawn at a temperature at which every token is about as likely as any other."""
    with settings.build(serving("wider", "plain")) as engine:
        for seed in range(5):
            hot = {"temperature": 100.0, "seed": seed, "logprobs": 3, "max_new_tokens": 60}
            found = outputs(
                drain(engine, *(asked(name, **hot) for name in ("plain", "wider", None)))
            )
            assert max(found["plain"] + found["base"]) < VOCABULARY


@pytest.mark.parametrize("settings", [MULTILORA, HOTSWAP], ids=["multilora", "peft_hotswap"])
def test_a_teacher_sees_the_tokens_that_there_are(settings, serving, drain):
    seen = {}
    with settings.build(serving("wider")) as engine:
        engine.teach(
            Teacher({"wider": [5], "base": [5]}, lambda id_, _, row: seen.update({id_: row.copy()}))
        )
        drain(engine, asked("wider"), asked(None))
    assert {id_: len(row) for id_, row in seen.items()} == {
        "wider": VOCABULARY + ROWS["wider"],
        "base": VOCABULARY,
    }
    assert all(np.isfinite(row).all() for row in seen.values())


@pytest.mark.parametrize("settings", [MULTILORA, HOTSWAP], ids=["multilora", "peft_hotswap"])
def test_ids_that_an_adapter_lacks_are_refused(settings, serving, drain):
    with settings.build(serving("wide")) as engine:
        high = [
            Request(name or "base", name, prompt_ids=(5, id_), sampling=asked(None).sampling)
            for name, id_ in (("wide", VOCABULARY + 1), (None, VOCABULARY + 1))
        ]
        (refused,) = [each for each in drain(engine, *high) if getattr(each, "error", None)]
        assert refused.request_id == "base"
        assert f"token ids beyond the model's vocabulary of {VOCABULARY}" in refused.error


@pytest.mark.parametrize("settings", [MULTILORA, HOTSWAP], ids=["multilora", "peft_hotswap"])
def test_whose_tokens_are_known_comes_while_an_engine_runs(
    settings, base, root, serving, drain, outputs
):
    with settings.build(serving("wide", "plain")) as engine:
        engine.add_adapter("late", root / "along")
        engine.add_adapter("wide", root / "along")
        engine.remove_adapter("wide")
        engine.add_adapter("wide", root / "along")
        given = outputs(drain(engine, *map(asked, ("late", "wide", "plain"))))
        for name, folder in (("late", "along"), ("wide", "along"), ("plain", "plain")):
            prompt = engine.intake.prompt(asked(name))
            assert given[name] == by_peft(base, root, folder, prompt)[0]
    assert engine.own_vocabulary("late") is engine.own_vocabulary("wide")
    assert engine.own_vocabulary("plain") is None


@pytest.mark.parametrize(
    ("settings", "began", "came"),
    [
        (MULTILORA, ["plain"], ["wide", "wider", "other"]),
        (MULTILORA, [], ["wider", "head", "wide"]),
        (PLAIN, ["plain"], ["wider", "wide"]),
        (HOTSWAP, ["wide"], ["other", "plain"]),
    ],
)
def test_new_tokens_come_while_an_engine_runs(
    settings, began, came, base, root, serving, drain, outputs
):
    """Each while those before it are in the midst of their answers."""
    with settings.build(serving(*began)) as engine:
        for number, name in enumerate(came):
            before = [*began, None, *came[:number]]
            for each in before:
                engine.submit(asked(each))
            events = [*engine.step(), *engine.step()]
            engine.add_adapter(name, root / name)
            given = outputs([*events, *drain(engine, asked(name))])
            for each in (*before, name):
                prompt = engine.intake.prompt(asked(each))
                assert given[each or "base"] == by_peft(base, root, each, prompt)[0]


def test_nobody_is_given_the_tokens_of_who_came_later(serving, root, drain, outputs):
    with MULTILORA.build(serving("plain")) as engine:
        engine.add_adapter("wider", root / "wider")
        for seed in range(5):
            hot = {"temperature": 100.0, "seed": seed, "max_new_tokens": 60}
            found = outputs(
                drain(engine, *(asked(each, **hot) for each in ("plain", "wider", None)))
            )
            assert max(found["plain"] + found["base"]) < VOCABULARY


@pytest.mark.parametrize("precision", ["fp32", "int8", "int4"])
def test_scores_are_those_of_an_engine_that_had_it_from_the_beginning(
    precision, base, root, serving, outputs
):
    settings = MultiloraSettings(name="multilora", precision=precision, kv_tokens=512)
    ids, given = list(range(5, 25)), [7, VOCABULARY + 1, VOCABULARY + 15, 9]
    with settings.build(serving("wide", "wider")) as engine:
        expected = engine.score("wider", ids, given)
    with settings.build(serving("wide")) as engine:
        engine.add_adapter("wider", root / "wider")
        found = engine.score("wider", ids, given)
        assert engine.score(None, ids, [7]).shape == (1, VOCABULARY)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_whoever_is_gone_the_base_of_peft_hotswap_is_as_long_as_it_was(
    root, serving, drain, outputs
):
    """An adapter with a table as long as the base's own would get one that is longer."""
    with HOTSWAP.build(serving("wide", "plain")) as engine:
        before = outputs(drain(engine, asked("plain")))
        engine.remove_adapter("wide")
        for name, rows in (("head", VOCABULARY), ("wider", VOCABULARY + ROWS["wider"])):
            said = rf"can't serve {name}, .* {rows} rows, .* with {VOCABULARY + 2}; start again"
            with pytest.raises(UsageError, match=said) as refused:
                engine.add_adapter(name, root / name)
            assert "\n" not in str(refused.value)
        assert outputs(drain(engine, asked("plain"))) == before
    with HOTSWAP.build(serving("plain")) as engine:
        with pytest.raises(UsageError, match=f"can't serve wide, .* with {VOCABULARY}; start"):
            engine.add_adapter("wide", root / "wide")
        engine.add_adapter("head", root / "head")


@pytest.mark.parametrize("settings", [MULTILORA, HOTSWAP], ids=["multilora", "peft_hotswap"])
def test_a_name_keeps_its_tokens(settings, root, serving, drain, outputs):
    with settings.build(serving("wide", "plain")) as engine:
        before = outputs(drain(engine, *map(asked, ("wide", "plain"))))
        for name, folder, why in (
            ("plain", "wide", "plain has stood for an adapter with other tokens"),
            ("wide", "plain", "wide has stood for an adapter with other tokens"),
            ("wide", "other", "wide has stood for an adapter with other tokens"),
        ):
            with pytest.raises(UsageError, match=why):
                engine.add_adapter(name, root / folder)
        engine.remove_adapter("wide")
        with pytest.raises(UsageError, match="wide has stood for"):
            engine.add_adapter("wide", root / "plain")
        engine.add_adapter("wide", root / "wide")
        assert outputs(drain(engine, *map(asked, ("wide", "plain")))) == before


def test_tables_of_two_sizes_are_for_multilora(base, serving):
    wide, wider = serving("wide", "wider").adapters, serving("head", "wide").adapters
    for adapters, names in ((wide, ("wider", "wide")), (wider, ("wide", "head"))):
        said = r"can't serve {}, .* beside {}, .*engine=multilora".format(*names)
        with pytest.raises(UsageError, match=said) as refused:
            HOTSWAP.check(base, adapters)
        assert "\n" not in str(refused.value)
        MULTILORA.check(base, adapters)


@pytest.mark.parametrize(
    "settings",
    [
        PeftMixedSettings(name="peft_mixed"),
        MergedSettings(name="merged"),
        LlamaCppSettings(name="llama_cpp", precision="f32", cache=Path("unused")),
    ],
    ids=lambda each: each.name,
)
def test_others_refuse_by_name(settings, base, serving):
    with pytest.raises(UsageError, match=r"can't serve wide \(.*resized_vocabulary\); use engine="):
        settings.check(base, serving("wide").adapters)


def test_who_computes_nothing_reads_them_too(base, serving, drain, outputs):
    settings = NoopSettings(name="noop")
    settings.check(base, serving("wide").adapters)
    with settings.build(serving("wide")) as engine:
        found = outputs(drain(engine, asked("wide")))
    assert max(found["wide"]) >= VOCABULARY
