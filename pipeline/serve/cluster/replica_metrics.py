"""The metrics of replicas as those of one server: each series says whose it is."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.serve.metrics.adapter_families import OURS

LABEL = "replica"


class ReplicaMetrics(Collector):
    """What some replicas have told."""

    def __init__(self, told: Iterable[tuple[str, list[Metric]]]) -> None:
        """Of each, its id and its families."""
        self._told = [*told]

    def collect(self) -> Iterator[Metric]:
        """Each family once, and how many replicas there are."""
        families: dict[str, Metric] = {}
        for replica, metrics in self._told:
            for each in metrics:
                family = Metric(each.name, each.documentation, each.type)
                families.setdefault(each.name, family).samples += [
                    sample._replace(labels={**sample.labels, LABEL: replica})
                    for sample in each.samples
                ]
        said = "Replicas that told their metrics"
        yield GaugeMetricFamily(f"{OURS}replicas", said, value=len(self._told))
        yield from families.values()


def merged(told: Iterable[tuple[str, list[Metric]]]) -> CollectorRegistry:
    """A registry of them.

    Args:
        told: of each replica, its id and its families.
    """
    registry = CollectorRegistry()
    registry.register(ReplicaMetrics(told))
    return registry
