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
from pipeline.tracking.mlflow_postgres import is_postgres, noticing, prepare_postgres, variables
from pipeline.tracking.tracker import TrackingUnavailable

if TYPE_CHECKING:
    from mlflow import MlflowClient

SECRET = re.compile(r"(?<=[?&])(?:user|password|sslpassword)=[^&\s]*&?")
"""What the address of a database may also say of who asks, behind its question mark."""


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
                _prepare(uri, timeout_s)
                yield MlflowClient(tracking_uri=noticing(uri))
    except TrackingUnavailable:
        raise
    except DatabaseUnusable as error:
        raise TrackingUnavailable(f"MLflow at {public(uri)}: {public(str(error))}") from error
    except Exception as error:
        raise TrackingUnavailable(f"MLflow at {public(uri)}: {public(_reason(error))}") from error


def _prepare(uri: str, timeout_s: int) -> None:
    if is_postgres(uri):
        prepare_postgres(uri)
    else:
        prepare(uri, timeout_s)


def is_http(uri: str) -> bool:
    """Whether a server answers at `uri`, rather than a database."""
    return uri.startswith(("http://", "https://"))


def public(uri: str) -> str:
    """`uri`, or a sentence with one, without a user's name and password."""
    return SECRET.sub("", re.sub(r"//[^/@\s]*@", "//", uri))


def experiment_id(
    client: "MlflowClient", name: str, artifact_location: str | None, tags: Mapping[str, str]
) -> str:
    """The experiment called `name`, made if need be; its place for artifacts is then fixed.

    It gets those of the `tags` that it hasn't got, and keeps what users made of the others.

    Raises:
        TrackingUnavailable: it isn't there, and nothing says where a database's files would go.
    """
    from mlflow import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        if artifact_location is None:
            _refuse_homeless(client.tracking_uri, name)
        try:
            return str(client.create_experiment(name, artifact_location, dict(tags)))
        except MlflowException:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    for key in tags.keys() - found.tags.keys():
        client.set_experiment_tag(found.experiment_id, key, tags[key])
    return str(found.experiment_id)


def _refuse_homeless(uri: str, name: str) -> None:
    """MLflow would keep the files of a database's runs wherever a command happens to be given."""
    from mlflow.store.db.db_types import DATABASE_ENGINES

    if uri.startswith(tuple(DATABASE_ENGINES)):
        raise TrackingUnavailable(
            f"MLflow at {public(uri).partition('?')[0]}: it has no experiment {name!r} yet, and "
            "nothing says where the files of its runs go: set MLFLOW_DEFAULT_ARTIFACT_ROOT to "
            "s3://BUCKET/FOLDER, or to a folder that all who use it share"
        )


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
        **variables(timeout_s, os.environ.get("PGOPTIONS", "")),
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
    """MLflow and its driver log migrations and whole tracebacks; the exception says all of it."""
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic", "psycopg")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _reason(error: BaseException) -> str:
    """The first line of what lies at the bottom of `error`."""
    reason = cause(error)
    lines = str(reason).strip().splitlines() or [type(reason).__name__]
    return lines[0][:300]
