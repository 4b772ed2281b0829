"""What may lie in an adapter's place: refused in one line, or served as PEFT serves it."""

import os
from pathlib import Path
from random import Random

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.folder import FolderAdapters
from pipeline.adapters.hub import HubAdapters
from pipeline.adapters.lora_file import CONFIG, WEIGHTS
from pipeline.errors import UsageError
from pipeline.models.config import ModelConfig
from tests.fuzz import expert_adapters
from tests.fuzz.adapters import begin
from tests.fuzz.broken_files import BREAKS
from tests.fuzz.campaign import RIGHT, outcome
from tests.fuzz.small_adapters import make
from tests.fuzz.small_checkpoints import CONFIG as BASE

SHAPE = ModelConfig.from_config(BASE, "small")
MAYBE = ("grown", "bits flipped")
"""May leave a sound file: blanks after a configuration, other numbers in a tensor."""
CASES = 120
NOT_NAMES = ("base", "a\nb", "a\tb", "x" * 161, "a\u2028b", os.fsdecode(b"caf\xe9"))
NAMES = ("a b", "nan", "null", "~", "1e3", "é", "🎭", "..x", "a%b", "${x}", "{a}", "[x]", "'", "#")


def said_of(source):
    with pytest.raises(UsageError) as refused:
        source.preview(SHAPE)
    assert "\n" not in str(refused.value) and str(refused.value).isprintable()
    return str(refused.value)


@pytest.fixture
def folders(tmp_path):
    make(tmp_path / "folders" / "it", {}, "F32", SHAPE)
    return tmp_path / "folders"


@pytest.mark.parametrize("kind", BREAKS)
@pytest.mark.parametrize("file", (CONFIG, WEIGHTS))
def test_what_isnt_a_file_of_its_kind_is_refused_by_name(file, kind, folders):
    BREAKS[kind](folders / "it" / file, Random(0))
    try:
        Adapter.open("it", folders / "it", SHAPE).check_numbers()
        assert kind in MAYBE
    except UsageError as refused:
        assert str(folders) in str(refused) and "\n" not in str(refused)


@pytest.mark.parametrize("name", NOT_NAMES, ids=ascii)
def test_a_folder_whose_name_is_no_line_of_text_is_refused(name, folders):
    (folders / "it").rename(folders / name)
    assert "an adapter can't be called" in said_of(FolderAdapters(name="folder", path=folders))


@pytest.mark.parametrize("name", ("", *NOT_NAMES), ids=ascii)
def test_so_is_such_a_name_of_ones_own(name):
    assert "an adapter can't be called" in said_of(
        HubAdapters(name="hub", ids={name: "owner/name"})
    )


@pytest.mark.parametrize("name", NAMES)
def test_other_names_are_taken_as_they_are(name, folders):
    (folders / "it").rename(folders / name)
    assert [each.name for each in FolderAdapters(name="folder", path=folders).preview(SHAPE)] == [
        name
    ]


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (a_link_to_itself, "no such folder"),
        (lambda path: path.write_text("{}"), "not a folder"),
        (Path.mkdir, f"no subfolder holds an {CONFIG}"),
        (lambda path: None, "no such folder"),
        (os.mkfifo, "not a folder"),
    ],
)
def test_something_in_the_place_of_the_folder_of_adapters(place, said, tmp_path):
    place(tmp_path / "adapters")
    assert said in said_of(FolderAdapters(name="folder", path=tmp_path / "adapters"))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_a_number_that_isnt_finite_is_refused_whatever_the_engine(number, dtype, folders):
    stored = {name: each.to(dtype) for name, each in load_file(folders / "it" / WEIGHTS).items()}
    name = sorted(stored)[-1]
    stored[name][-1, -1] = number
    save_file(stored, folders / "it" / WEIGHTS)
    assert f"{name} holds NaN or infinity" in said_of(FolderAdapters(name="folder", path=folders))


@pytest.fixture(scope="module")
def attempt(tmp_path_factory):
    return begin(tmp_path_factory.mktemp("adapters"), "peft", seed=0)


@pytest.mark.parametrize("tenth", range(10))
def test_a_few_of_the_campaigns_cases_end_well(tenth, attempt):
    """All of it is `python -m tests.fuzz.campaign adapters --arm loader --asan`."""
    for number in range(tenth, CASES, 10):
        found = outcome(attempt, number)
        assert found.kind in RIGHT, (number, found)


@pytest.fixture(scope="module")
def of_experts(tmp_path_factory):
    return expert_adapters.begin(tmp_path_factory.mktemp("experts"), "peft", seed=0)


@pytest.mark.parametrize("number", range(0, 40, 4))
def test_a_few_of_those_of_experts_do_too(number, of_experts):
    """All of it is `python -m tests.fuzz.campaign expert_adapters --arm loader --asan`."""
    for each in range(number, number + 4):
        found = outcome(of_experts, each)
        assert found.kind in RIGHT, (each, found)
