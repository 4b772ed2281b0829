"""Which files of a hub repository are fetched."""

import shutil
from fnmatch import fnmatch

import pytest

from pipeline.models.hub import HubModel
from tests.models.edited import BASE, WEIGHTS, copied, shard


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository, and the files that were fetched from it into a local snapshot."""
    remote, snapshot = copied(tmp_path / "remote"), tmp_path / "snapshot"
    snapshot.mkdir()

    def download(name, revision, allow_patterns):
        for path in remote.iterdir():
            if any(fnmatch(path.name, pattern) for pattern in allow_patterns):
                shutil.copy(path, snapshot)
        return str(snapshot)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    for name in ("consolidated.safetensors", "pytorch_model.bin", "modeling_x.py", "README.md"):
        (remote / name).write_bytes(b"never fetched")
    (remote / "chat_template.jinja").write_text("{{ messages }}")
    return remote, snapshot


def fetched(snapshot):
    return sorted(path.name for path in snapshot.iterdir())


def test_what_decides_the_output_is_fetched_and_nothing_else(repository):
    _, snapshot = repository
    checkpoint = HubModel(name="hub", id="owner/model").checkpoint()
    assert fetched(snapshot) == sorted([*(p.name for p in BASE.iterdir()), "chat_template.jinja"])
    assert checkpoint.config.end_ids == {2}


def test_shards_are_fetched_where_there_is_no_whole_file(repository):
    remote, snapshot = repository
    shard(remote)
    assert len(HubModel(name="hub", id="owner/model").checkpoint().weights.files) == 3
    assert "consolidated.safetensors" not in fetched(snapshot)


def test_shards_beside_a_whole_file_are_left_alone(repository):
    remote, snapshot = repository
    whole = (remote / WEIGHTS).read_bytes()
    shard(remote)
    (remote / WEIGHTS).write_bytes(whole)
    HubModel(name="hub", id="owner/model").checkpoint()
    assert not [name for name in fetched(snapshot) if "-of-" in name]
