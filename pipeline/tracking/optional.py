"""Packages that only a team's servers need, and whether they are there."""

from dataclasses import dataclass
from importlib.util import find_spec

from pipeline.tracking.tracker import TrackingUnavailable


@dataclass(frozen=True)
class Package:
    """A package that isn't among the requirements.

    Attributes:
        module: what is imported.
        what: what it is for, the beginning of a sentence.
        install: the command that brings it.
    """

    module: str
    what: str
    install: str

    @property
    def missing(self) -> str | None:
        """One line that says what to install; None where it is there."""
        if find_spec(self.module):
            return None
        return f"{self.what} need {self.module}, which isn't installed: {self.install}"


BOTO3 = Package("boto3", "artifacts in an S3 store", "pip install 'boto3==1.44.8'")
PSYCOPG = Package("psycopg", "runs in PostgreSQL", "pip install 'psycopg[binary]==3.3.9'")


def demand(package: Package) -> None:
    """Go on only where the package is there.

    Raises:
        TrackingUnavailable: it isn't.
    """
    if missing := package.missing:
        raise TrackingUnavailable(missing)
