"""Where the files of a run go: through MLflow, or straight into S3 where it keeps them there."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pipeline.tracking.s3_artifacts import S3, S3Folder

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


class Artifacts(Protocol):
    """The artifacts of one MLflow run, to be added to."""

    def put(self, entry: Path) -> None:
        """Keep a file, or a folder with all that is in it, by its name."""

    def put_json(self, name: str, document: Mapping[str, Any]) -> None:
        """Keep a document as the file `name`."""


@dataclass(frozen=True)
class ThroughMlflow:
    """Artifacts that MLflow carries: into a folder, or to its server."""

    client: "MlflowClient"
    run_id: str

    def put(self, entry: Path) -> None:
        """Keep a file or a folder."""
        self.client.log_artifact(self.run_id, str(entry))

    def put_json(self, name: str, document: Mapping[str, Any]) -> None:
        """Keep a document."""
        self.client.log_dict(self.run_id, dict(document), name)


def artifacts(client: "MlflowClient", run: "Run", timeout_s: int) -> Artifacts:
    """The artifacts of `run`, wherever its experiment keeps them.

    Args:
        client: MLflow's.
        run: as MLflow knows it.
        timeout_s: how long a store that doesn't answer is waited for.
    """
    if str(run.info.artifact_uri).startswith(S3):
        return S3Folder.at(run.info.artifact_uri, timeout_s)
    return ThroughMlflow(client, run.info.run_id)
