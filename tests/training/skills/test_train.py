"""A training of two steps on a narrow chat model: what it writes loads, what is there stays."""

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipeline.files.documents import read_jsonl
from pipeline.training.skills.__main__ import main
from pipeline.training.skills.draw import Draw
from pipeline.training.skills.questions import EACH, FILES
from pipeline.training.skills.recipes import FIRST_LAYER, SKILLS
from pipeline.training.skills.train import CHATS, EPOCHS, row

STEPS = "2"
SQL = "sql/adapter_model.safetensors"


def train(model: Path, out: Path, *more: str) -> None:
    main(["--model", str(model), "--out", str(out), "--steps", STEPS, *more])


def train_one(model: Path, out: Path, *more: str) -> Path:
    """Train but one adapter, as the others are there."""
    for name in SKILLS:
        if name != "sql":
            (out / "adapters" / name).mkdir(parents=True)
    train(model, out, *more)
    return out / "adapters"


@pytest.fixture(scope="module")
def folder(chat_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("skills")
    train(chat_model, out)
    return out / "adapters"


@pytest.mark.parametrize("skill", SKILLS)
def test_every_adapter_loads_whole_and_changes_the_upper_half(
    chat_model: Path, folder: Path, skill: str
) -> None:
    ids = torch.tensor([[5, 6, 7]])
    base = AutoModelForCausalLM.from_pretrained(chat_model)
    plain = base(ids, output_hidden_states=True).hidden_states
    model = PeftModel.from_pretrained(base, folder / skill)
    weights = load_file(folder / skill / "adapter_model.safetensors")
    own = {key for key in model.state_dict() if ".default" in key}
    assert {key.replace(".default", "").removesuffix(".weight") for key in own} == {
        key.removesuffix(".weight") for key in weights
    }
    assert {each.dtype for each in weights.values()} == {torch.float16}
    states = model(ids, output_hidden_states=True).hidden_states
    changed = [not torch.equal(mine, its) for mine, its in zip(states, plain, strict=True)]
    assert changed.index(True) == FIRST_LAYER + 1


def test_adapters_that_are_there_are_kept(chat_model: Path, folder: Path, tmp_path: Path) -> None:
    trained = train_one(chat_model, tmp_path)
    assert not [name for name in SKILLS if name != "sql" and any((trained / name).iterdir())]
    assert (trained / SQL).read_bytes() == (folder / SQL).read_bytes()


def test_another_seed_gives_other_weights(chat_model: Path, folder: Path, tmp_path: Path) -> None:
    trained = train_one(chat_model, tmp_path, "--seed", "1")
    assert (trained / SQL).read_bytes() != (folder / SQL).read_bytes()


def test_questions_are_of_each_skill_in_turn_and_of_no_training(folder: Path) -> None:
    asked = set()
    for file, names in FILES.items():
        rows = read_jsonl(folder.parent / file)
        assert [row["adapter"] for row in rows] == names * EACH
        asked |= {row["messages"][0]["content"] for row in rows}
    assert len(asked) > 0.9 * EACH * len(SKILLS)
    trained = {
        SKILLS[name].example(Draw(f"{name}:0", number, held_out=False)).question
        for name, skill in SKILLS.items()
        for number in range(skill.steps // EPOCHS * CHATS)
    }
    assert not trained & asked


def test_rows_are_of_other_chats_each(chat_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(chat_model)
    first, second = (row(tokenizer, "extraction", number, seed=0) for number in (0, 1))
    assert first.owners.max() == second.owners.max() == CHATS - 1
    assert first.answers.tolist() != second.answers.tolist()


@pytest.mark.parametrize("given", [[], ["--model", "/nowhere"], ["--model", "."]])
def test_a_model_that_is_none_is_one_line(
    given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
