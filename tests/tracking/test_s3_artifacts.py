"""Artifacts in a real S3 store: cut off, resumed, sent once."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.tracking.s3_artifacts import S3Folder
from pipeline.tracking.s3_parts import MOST, PART, part_size, sum_of_parts
from pipeline.tracking.tracker import TrackingUnavailable
from tests.tracking.seaweed import Seaweed


@pytest.fixture
def uri(seaweed: Seaweed, tmp_path: Path) -> str:
    """Where a run of this test's own has its artifacts."""
    bucket = seaweed.bucket(tmp_path.name.replace("_", "-").lower()[-40:].strip("-"))
    return f"{bucket}/runs/1/artifacts"


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of three parts and a bit."""
    path = tmp_path / "heap profile.bin"
    path.write_bytes(b"".join(os.urandom(2**20) * (PART // 2**20) for _ in range(3)) + b"end")
    return path


class Counting:
    """A client that counts what is sent, and dies before the request that is one too many."""

    def __init__(self, client: Any, most: int = 10**9) -> None:
        self.client, self.sent, self.most = client, 0, most

    def __getattr__(self, name: str) -> Any:
        if name in ("put_object", "upload_part"):
            if self.sent == self.most:
                raise KeyboardInterrupt
            self.sent += 1
        return getattr(self.client, name)


def opened(uri: str, most: int = 10**9) -> tuple[S3Folder, Counting]:
    folder = S3Folder.at(uri, 5)
    client = Counting(folder.client, most)
    return S3Folder(client, folder.bucket, folder.prefix, folder.present), client


def content(seaweed: Seaweed, uri: str, name: str) -> bytes:
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    body = seaweed.client().get_object(Bucket=bucket, Key=f"{prefix}/{name}")["Body"]
    return bytes(body.read())


def test_a_large_file_goes_on_where_it_was_cut_off(seaweed: Seaweed, uri: str, large: Path) -> None:
    cut, _ = opened(uri, most=2)
    with pytest.raises(KeyboardInterrupt):
        cut.put(large)
    again, client = opened(uri)
    again.put(large)
    assert client.sent == 2, "two parts of four were there"
    assert content(seaweed, uri, large.name) == large.read_bytes()
    third, client = opened(uri)
    third.put(large)
    assert client.sent == 0, "all of it was there"


def test_parts_of_another_file_are_sent_anew(seaweed: Seaweed, uri: str, large: Path) -> None:
    cut, _ = opened(uri, most=2)
    with pytest.raises(KeyboardInterrupt):
        cut.put(large)
    with large.open("r+b") as file:
        file.write(b"another beginning")
    again, client = opened(uri)
    again.put(large)
    assert client.sent == 3, "of two parts that were there one is right"
    assert content(seaweed, uri, large.name) == large.read_bytes()


def test_uploads_that_nobody_will_finish_are_given_up(
    seaweed: Seaweed, uri: str, large: Path
) -> None:
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    client = seaweed.client()
    for _ in range(3):
        client.create_multipart_upload(Bucket=bucket, Key=f"{prefix}/{large.name}")
    folder, _ = opened(uri)
    folder.put(large)
    assert not client.list_multipart_uploads(Bucket=bucket).get("Uploads")


def test_folders_empty_files_and_odd_names(seaweed: Seaweed, uri: str, tmp_path: Path) -> None:
    files = {"profile/a b.txt": b"x", "profile/deep/ü%.json": b"{}", "profile/empty": b""}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text)
    for sent in (3, 0):
        folder, client = opened(uri)
        folder.put(tmp_path / "profile")
        assert client.sent == sent
    assert {name: content(seaweed, uri, name) for name in files} == files


def test_what_the_store_says_against_it_is_one_line(
    seaweed: Seaweed, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TrackingUnavailable, match=r"^artifacts at s3://nowhere/x: .*NoSuchBucket"):
        S3Folder.at("s3://nowhere/x", 1)
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(
        TrackingUnavailable, match=r"^artifacts at s3://.*: .*127\.0\.0\.1:9"
    ) as said:
        S3Folder.at(uri, 1)
    assert "\n" not in str(said.value)


def _sizes() -> Iterator[int]:
    yield from (1, PART, PART + 1, PART * MOST, PART * MOST + 1, 5 * 2**40)


@pytest.mark.parametrize("size", _sizes())
def test_no_file_has_more_parts_than_s3_allows(size: int) -> None:
    part = part_size(size)
    assert part % PART == 0 and -(-size // part) <= MOST


def test_the_sum_of_a_file_in_parts(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abcde")
    assert sum_of_parts(tmp_path / "x", 3).endswith("-2")
