"""Reaching MLflow: quickly, quietly, and with one line to say when it can't be done.

MLflow is imported inside these functions, as that takes seconds.
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.tracking.mlflow_damage import DatabaseUnusable, cause
from pipeline.tracking.mlflow_database import prepare
from pipeline.tracking.tracker import TrackingUnavailable

if TYPE_CHECKING:
    from mlflow import MlflowClient


@contextmanager
def connected(uri: str, timeout_s: int) -> "Iterator[MlflowClient]":
    """A client of the store at `uri`.

    Raises:
        TrackingUnavailable: for whatever goes wrong inside, since a view must cost no run.
    """
    try:
        with _patience(timeout_s):
            from mlflow import MlflowClient

            with _quiet():
                prepare(uri, timeout_s)
                yield MlflowClient(tracking_uri=uri)
    except DatabaseUnusable as error:
        raise TrackingUnavailable(public(f"MLflow at {uri}: {error}")) from error
    except Exception as error:
        raise TrackingUnavailable(public(f"MLflow at {uri}: {_reason(error)}")) from error


def is_http(uri: str) -> bool:
    """Whether a server answers at `uri`, rather than a database."""
    return uri.startswith(("http://", "https://"))


def public(uri: str) -> str:
    """`uri`, or a sentence with one, without a user's name and password."""
    return re.sub(r"//[^/@\s]*@", "//", uri)


def experiment_id(
    client: "MlflowClient", name: str, artifact_location: str | None, tags: Mapping[str, str]
) -> str:
    """The experiment called `name`, made if need be; its place for artifacts is then fixed.

    It gets those of the `tags` that it hasn't got, and keeps what users made of the others.
    """
    from mlflow import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, artifact_location, dict(tags)))
        except MlflowException:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    for key in tags.keys() - found.tags.keys():
        client.set_experiment_tag(found.experiment_id, key, tags[key])
    return str(found.experiment_id)


@contextmanager
def _patience(timeout_s: int) -> Iterator[None]:
    """MLflow's own settings for the meantime.

    No retries: a request that timed out may have been served, and a run would be made twice.
    """
    settings = {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(timeout_s),
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@contextmanager
def _quiet() -> Iterator[None]:
    """MLflow logs migrations and whole tracebacks; the exception says all of it."""
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _reason(error: BaseException) -> str:
    """The first line of what lies at the bottom of `error`."""
    reason = cause(error)
    lines = str(reason).strip().splitlines() or [type(reason).__name__]
    return lines[0][:300]
