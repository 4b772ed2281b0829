"""Adapters made of random numbers: whole or not at all, whoever else makes them or was killed."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.adapters.lora_file import CONFIG, WEIGHTS
from pipeline.adapters.synthetic import SyntheticAdapters
from pipeline.errors import UsageError
from pipeline.models.config import ModelConfig
from pipeline.stages.preflight import preflight
from tests.fuzz.small_checkpoints import CONFIG as BASE

SHAPE = ModelConfig.from_config(BASE, "small")


def of(cache, count=2):
    return SyntheticAdapters(name="synthetic", cache=cache, count=count, ranks=(2, 4))


def drafts(cache):
    return [each for each in cache.rglob(".*") if each.is_dir()]


def test_what_a_killed_process_of_the_same_number_left_is_in_nobodys_way(tmp_path):
    folder = of(tmp_path).preview(SHAPE)[0].folder
    left = folder.with_name(f".{folder.name}.{os.getpid()}")
    left.mkdir(parents=True)
    (left / CONFIG).write_text("{")
    assert [each.name for each in of(tmp_path).adapters(SHAPE)] == ["lora-0000", "lora-0001"]


def test_a_kill_leaves_none_that_is_half_made(tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("safetensors.numpy.save_file", killed)
        with pytest.raises(KeyboardInterrupt):
            of(tmp_path).adapters(SHAPE)
    assert not [*tmp_path.rglob(CONFIG)] and not drafts(tmp_path)
    assert len(of(tmp_path).adapters(SHAPE)) == 2


def test_many_that_make_the_same_at_once_all_have_them(tmp_path):
    with ThreadPoolExecutor(8) as at_once:
        made = [*at_once.map(lambda _: of(tmp_path, count=6).adapters(SHAPE), range(8))]
    assert all(len(each) == 6 for each in made)
    assert len([*tmp_path.rglob(WEIGHTS)]) == 6 and not drafts(tmp_path)


def test_another_failure_than_being_second_is_told(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="No space"):
        of(tmp_path).adapters(SHAPE)


def test_without_targets_there_is_nothing_to_make(config):
    with pytest.raises(UsageError, match=r"adapters\.targets"):
        config("adapters=synthetic", "adapters.targets=[]")


def test_a_budget_smaller_than_one_adapter_is_refused_beforehand(config):
    small = ("engine=multilora", "adapters=synthetic", "engine.adapter_memory_mb=0.001")
    with pytest.raises(UsageError, match=r"engine\.adapter_memory_mb=0\.001: lora-0000 alone"):
        preflight([config(*small, "fidelity.enabled=false")])
