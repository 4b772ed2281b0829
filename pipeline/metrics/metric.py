"""The contract of a metric that stands outside the project: `+metrics=NAME` measures it, too."""

from abc import ABC, abstractmethod

from pipeline.metrics.definitions import Value
from pipeline.metrics.timeline import Timeline


class Metric(ABC):
    """Settings of one metric, and what it computes.

    Attributes:
        name: in `metrics.json`, MLflow and `compare --metric`; none of the project's own.
    """

    name: str

    @abstractmethod
    def value(self, timeline: Timeline) -> Value:
        """The number, or the reason in words why it can't be had; run-in left out."""
