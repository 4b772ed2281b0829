"""Artifacts in an S3 store: what is there already isn't sent again, half of a large file neither.

The store itself says what it has, by the MD5 sums that it calls ETags, so nothing has to be noted
here of an upload that was cut off. Where ETags are other sums, as with keys of AWS's KMS, all is
sent again. Address, keys and so on come from MLflow's and boto's own environment variables.
"""

import json
import mimetypes
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from pipeline.tracking.optional import BOTO3, demand
from pipeline.tracking.s3_parts import PART, chunks, in_base64, part_size, sum_of, sum_of_parts
from pipeline.tracking.tracker import TrackingUnavailable

S3 = "s3://"
"""What the address of such artifacts begins with."""

READ_S = 30
"""How long the store may take to answer when it is connected: it may have much to write."""

ATTEMPTS = 2
"""Of each request, as boto makes them."""


@dataclass(frozen=True)
class S3Folder:
    """The artifacts of one run.

    Attributes:
        client: boto's.
        bucket: where they are.
        prefix: what their keys begin with.
        present: the ETags of those that are there, by key.
    """

    client: Any
    bucket: str
    prefix: str
    present: Mapping[str, str]

    @classmethod
    def at(cls, uri: str, timeout_s: int) -> Self:
        """The folder at `uri`; one request tells what is in it.

        Raises:
            TrackingUnavailable: boto3 isn't installed, or the store doesn't answer or refuses.
        """
        bucket, _, prefix = uri.removeprefix(S3).partition("/")
        with _reaching(uri):
            client = _client(os.environ.get("MLFLOW_S3_ENDPOINT_URL"), timeout_s)
            pages = client.get_paginator("list_objects_v2")
            listed = [
                (each["Key"], each["ETag"].strip('"'))
                for page in pages.paginate(Bucket=bucket, Prefix=f"{prefix}/")
                for each in page.get("Contents", ())
            ]
        return cls(client, bucket, prefix, dict(listed))

    def put(self, entry: Path) -> None:
        """Keep a file, or a folder with all that is in it, by its name.

        Raises:
            TrackingUnavailable: the store doesn't answer or refuses; what it has is kept.
        """
        for path in sorted(entry.rglob("*")) if entry.is_dir() else [entry]:
            if path.is_file():
                self._send(path, f"{self.prefix}/{path.relative_to(entry.parent).as_posix()}")

    def put_json(self, name: str, document: Mapping[str, Any]) -> None:
        """Keep a document as the file `name`.

        Raises:
            TrackingUnavailable: the store doesn't answer or refuses.
        """
        text = json.dumps(document, indent=2).encode()
        self._put_whole(f"{self.prefix}/{name}", text)

    def _send(self, path: Path, key: str) -> None:
        size = path.stat().st_size
        if size <= PART:
            self._put_whole(key, path.read_bytes())
        elif key not in self.present or self.present[key] != sum_of_parts(path, part_size(size)):
            with _reaching(f"{S3}{self.bucket}/{key}"):
                self._resume(path, key, part_size(size))

    def _put_whole(self, key: str, content: bytes) -> None:
        found = sum_of(content)
        if self.present.get(key) != found:
            where = {"Bucket": self.bucket, "Key": key, **_described(key)}
            with _reaching(f"{S3}{self.bucket}/{key}"):
                self.client.put_object(**where, Body=content, ContentMD5=in_base64(found))

    def _resume(self, path: Path, key: str, part: int) -> None:
        """Send the parts that the store hasn't got, and have it join all."""
        where = {"Bucket": self.bucket, "Key": key}
        begun = self._begun(key)
        made = begun or self.client.create_multipart_upload(**where, **_described(key))["UploadId"]
        there = self._parts(key, made) if begun else {}
        joined = []
        for number, chunk in enumerate(chunks(path, part), start=1):
            tag = sum_of(chunk)
            if there.get(number) != tag:
                one = {"UploadId": made, "PartNumber": number, "ContentMD5": in_base64(tag)}
                tag = self.client.upload_part(**where, **one, Body=chunk)["ETag"].strip('"')
            joined.append({"PartNumber": number, "ETag": f'"{tag}"'})
        whole = {"UploadId": made, "MultipartUpload": {"Parts": joined}}
        self.client.complete_multipart_upload(**where, **whole)

    def _begun(self, key: str) -> str | None:
        """The youngest upload of that file which was cut off; older ones are given up."""
        listed = self.client.list_multipart_uploads(Bucket=self.bucket, Prefix=key)
        own = [each for each in listed.get("Uploads", ()) if each["Key"] == key]
        *older, youngest = sorted(own, key=lambda each: each["Initiated"]) or [None]
        for each in older:
            self.client.abort_multipart_upload(
                Bucket=self.bucket, Key=key, UploadId=each["UploadId"]
            )
        return str(youngest["UploadId"]) if youngest else None

    def _parts(self, key: str, upload: str) -> dict[int, str]:
        pages = self.client.get_paginator("list_parts")
        return {
            each["PartNumber"]: each["ETag"].strip('"')
            for page in pages.paginate(Bucket=self.bucket, Key=key, UploadId=upload)
            for each in page.get("Parts", ())
        }


@lru_cache(maxsize=4)
def _client(endpoint: str | None, timeout_s: int) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=timeout_s,
        read_timeout=max(timeout_s, READ_S),
        request_checksum_calculation="when_required",  # MD5 is sent, which all stores know
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        s3={"addressing_style": os.environ.get("MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE", "auto")},
    )
    ignore = os.environ.get("MLFLOW_S3_IGNORE_TLS", "").lower() in ("true", "1")
    verify = False if ignore else None
    return boto3.client("s3", config=config, endpoint_url=endpoint, verify=verify)


def _described(key: str) -> dict[str, Any]:
    """What is said of a file beside its content, the user's own words among it."""
    kind, encoding = mimetypes.guess_type(key)
    said = {"ContentType": kind, "ContentEncoding": encoding}
    extra: dict[str, Any] = json.loads(os.environ.get("MLFLOW_S3_UPLOAD_EXTRA_ARGS") or "{}")
    return {name: value for name, value in said.items() if value} | extra


@contextmanager
def _reaching(uri: str) -> Iterator[None]:
    """Whatever the store says against it, in one line that names it."""
    demand(BOTO3)
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        reason = " ".join(str(error).split())[:300]
        raise TrackingUnavailable(f"artifacts at {uri}: {reason}") from error
