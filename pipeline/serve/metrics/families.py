"""Prometheus' families: a name, what it says, and a value for each set of labels."""

from collections.abc import Iterable, Mapping

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

Kind = type[GaugeMetricFamily] | type[CounterMetricFamily]
Labels = Mapping[str, str]


def one(kind: Kind, name: str, said: str, labels: Labels, value: float) -> Metric:
    """A family of one series."""
    return several(kind, name, said, [*labels], [(labels, value)])


def several(
    kind: Kind, name: str, said: str, labels: list[str], rows: Iterable[tuple[Labels, float]]
) -> Metric:
    """A family of as many series as there are rows.

    Args:
        kind: of its values.
        name: without the ending of a counter.
        said: what it is, for people.
        labels: names of the labels that every row has.
        rows: labels and value of each series.
    """
    family = kind(name, said, labels=labels)
    for own, value in rows:
        family.add_metric([own[each] for each in labels], value)
    return family
