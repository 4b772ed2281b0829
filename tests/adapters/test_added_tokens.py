"""What an adapter's folder must hold of tokens that were added, and what is refused."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import CONFIG, PREFIX, WEIGHTS
from pipeline.errors import UsageError
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.tokenizer import TOKENIZER
from tests.added_tokens import TABLES, save
from tests.fuzz.small_checkpoints import VOCABULARY, make

HEAD, TABLE = f"{PREFIX}lm_head.weight", f"{PREFIX}model.embed_tokens.weight"
OWN = ("<go>", "<stop>")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return Checkpoint.open(make("llama", tmp_path_factory.mktemp("base") / "it"))


@pytest.fixture
def opened(base, tmp_path):
    def adapter():
        folder = tmp_path / "it it"
        return Adapter.open("it", folder, base.config, tmp_path / "cache").check_base(base)

    return adapter


@pytest.fixture
def saved(base, tmp_path):
    """Saves it with other configurations and tensors."""

    def folder(change=lambda tensors: tensors, tokens=OWN, rows=None, **said):
        path = save(
            tmp_path / "it it", base, tokens, rows, **{"target_modules": ["q_proj"], **said}
        )
        save_file(change(load_file(path / WEIGHTS)), path / WEIGHTS)
        return path

    return folder


@pytest.mark.parametrize("named", [TABLES, TABLES[:1], TABLES[1:], None], ids=str)
def test_whatever_pefts_configuration_names_both_tables_are_its_own(named, saved, opened):
    stored = load_file(saved(modules_to_save=named) / WEIGHTS)
    adapter = opened()
    kept = load_file(adapter.folder / WEIGHTS)
    assert adapter.lora.vocabulary == VOCABULARY + 2 == adapter.vocabulary().size
    assert adapter.vocabulary().tokenizer.token_to_id("<stop>") == VOCABULARY + 1
    assert {*adapter.lora.config["modules_to_save"]} == {*TABLES}
    assert adapter.lora.unusual() == ["modules_to_save", "resized_vocabulary"]
    assert all(torch.equal(kept[name], stored[name]) for name in (HEAD, TABLE))


def test_what_it_does_depends_on_its_tokenizer(saved, opened):
    saved(modules_to_save=TABLES)
    before = opened().fingerprint()
    saved(tokens=("<do>", "<stop>"), modules_to_save=TABLES)
    assert opened().fingerprint() != before


def test_rows_that_no_token_uses_are_nobodys_fault(saved, opened):
    saved(rows=32, modules_to_save=TABLES)
    assert opened().vocabulary().size == VOCABULARY + 32


ADAPTED = ["q_proj", *TABLES]


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        (TABLES, {}),
        (TABLES, {"use_rslora": True, "rank_pattern": {"lm_head": 2, "embed_tokens": 3}}),
        (TABLES, {"alpha_pattern": {".*lm_head": 3, "embed_tokens": 5}, "lora_alpha": 2}),
        (TABLES[:1], {"modules_to_save": TABLES[1:]}),
        (TABLES[1:], {"modules_to_save": TABLES[:1]}),
    ],
    ids=str,
)
def test_tables_that_it_adapts_become_its_own(tables, said, saved, opened):
    stored = load_file(saved(target_modules=["q_proj", *tables], **said) / WEIGHTS)
    adapter = opened()
    kept = load_file(adapter.folder / WEIGHTS)
    for key, name in zip(TABLES, (TABLE, HEAD), strict=True):
        if key not in tables:
            assert torch.equal(kept[name], stored[name])
            continue
        module = name.removesuffix(".weight")
        table = stored[f"{module}.base_layer.weight"]
        if key == "lm_head":
            a, b = (stored[f"{module}.lora_{part}.weight"] for part in "AB")
            update, rank = b @ a, len(a)
        else:
            a, b = (stored[f"{module}.lora_embedding_{part}"] for part in "AB")
            update, rank = (b @ a).T, len(a)
        alphas = {each.removeprefix(".*"): n for each, n in said.get("alpha_pattern", {}).items()}
        alpha = alphas.get(key, said.get("lora_alpha", 8))
        scaling = alpha / (rank**0.5 if said.get("use_rslora") else rank)
        torch.testing.assert_close(kept[name], table + scaling * update)
    assert adapter.lora.vocabulary == VOCABULARY + 2
    assert adapter.lora.unusual() == ["modules_to_save", "resized_vocabulary"]
    assert not any(".lora_" in each for each in kept if "q_proj" not in each)


@pytest.mark.parametrize("changed", [{"target_modules": ["q_proj", "lm_head"]}, {"r": 3}])
def test_an_update_that_its_configuration_doesnt_ask_for_is_refused(changed, saved, opened):
    path = saved(target_modules=ADAPTED)
    said = json.loads((path / CONFIG).read_text())
    (path / CONFIG).write_text(json.dumps(said | changed))
    with pytest.raises(UsageError, match=r"embed_tokens needs|is of rank 4") as refused:
        opened()
    assert "\n" not in str(refused.value)


def without(*names):
    return lambda tensors: {name: each for name, each in tensors.items() if name not in names}


def cut(name, rows):
    return lambda tensors: tensors | {name: tensors[name][:rows].clone()}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"change": cut(HEAD, VOCABULARY + 1)}, "tokens added, for which both tables"),
        (
            {"change": cut(HEAD, VOCABULARY), "modules_to_save": TABLES},
            "tokens added, for which both",
        ),
        ({"change": without(HEAD)}, "tokens added, for which both tables"),
        (
            {"change": without(f"{PREFIX}lm_head.base_layer.weight"), "target_modules": ADAPTED},
            "tokens added, for which both",
        ),
        (
            {"target_modules": ["q_proj", "lm_head"], "use_dora": True},
            "tokens added, for which both",
        ),
        ({"target_modules": ADAPTED[:2]}, "tokens added, for which both tables"),
        ({"target_modules": TABLES}, "match nothing"),
        ({"tokens": (), "rows": 2}, "has no tokenizer.json that says which"),
        ({"rows": 1}, rf"has the id {VOCABULARY + 1}, and the adapter's tables {VOCABULARY + 1}"),
    ],
)
def test_half_of_it_is_refused(said, why, saved, opened):
    path = saved(**said)
    with pytest.raises(UsageError, match=why) as refused:
        opened()
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)


def test_a_tokenizer_of_another_base_is_refused(saved, opened):
    path = saved(modules_to_save=TABLES) / TOKENIZER
    document = json.loads(path.read_text("utf-8"))
    vocabulary = document["model"]["vocab"]
    one, other = list(vocabulary)[100:102]
    vocabulary[one], vocabulary[other] = vocabulary[other], vocabulary[one]
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(UsageError, match="trained on another base, or this isn't its tokenizer"):
        opened()


def test_numbers_beside_it_that_were_the_bases_must_be(saved, opened):
    """Of a table that it saves whole PEFT keeps the one that was there before."""
    kept = f"{PREFIX}lm_head.original_module.weight"
    path = saved(lambda tensors: tensors | {kept: tensors[kept] + 1}, modules_to_save=TABLES)
    assert json.loads((path / CONFIG).read_text())["modules_to_save"]
    with pytest.raises(UsageError, match=r"saves the base's lm_head\.weight along, with other"):
        opened()
