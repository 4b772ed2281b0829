"""Figures of engines that compute beside the process that asks them."""

from dataclasses import replace

import pytest

from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.outside import NOTHING, Outside
from pipeline.machine.contention import Contention
from pipeline.metrics.contention import contention
from pipeline.metrics.definitions import NOT_MEASURED
from pipeline.metrics.resources import residency, resources
from pipeline.metrics.timeline import Iteration, Timeline

SHARED = Contention(busy_s=10.0, used_s=1.0, waited_s=2.0)
BASE = Iteration(0, 0.0, 10.0, {}, AdapterCounts(), cpu_seconds=1.5, contention=SHARED)


def timeline(outside, peak):
    own = replace(BASE, outside_cpu_seconds=outside)
    return Timeline((), (own,), peak_rss_bytes=100, threads=2, outside_peak_bytes=peak)


def test_a_launched_server_counts_beside_its_client():
    run = timeline(16.5, 900)
    found = resources(run)
    assert (found["cpu_seconds"], found["client_cpu_seconds"]) == (18.0, 1.5)
    assert found["serving_cpu_seconds"] == 16.5
    assert (found["peak_rss_bytes"], found["client_peak_rss_bytes"]) == (1000, 100)
    assert contention(run)["cpu_utilisation"] == pytest.approx(17.5 / 20)
    assert contention(run)["cpu_wait_share"] == pytest.approx(2 / 20)


def test_of_a_server_that_nobody_sees_nothing_is_told():
    run = timeline(None, None)
    found = resources(run) | contention(run)
    names = (
        "cpu_seconds",
        "serving_cpu_seconds",
        "peak_rss_bytes",
        "cpu_utilisation",
        "cpu_wait_share",
    )
    assert {found[name] for name in names} == {NOT_MEASURED}
    assert (found["client_cpu_seconds"], found["client_peak_rss_bytes"]) == (1.5, 100)


def test_an_engine_in_process_has_no_client():
    found = resources(timeline(0.0, 0))
    assert not [name for name in found if name.startswith("client")]
    assert found["serving_cpu_seconds"] == found["cpu_seconds"] == 1.5


def test_what_was_taken_meanwhile():
    before, now = Outside(1.0, 2.0, 50), Outside(4.0, 1.0, 60)
    assert now.since(before) == Outside(3.0, 0.0, 60)
    assert Outside().since(Outside()) == Outside()
    assert NOTHING.since(NOTHING) == NOTHING
    assert SHARED.beside(3.0).waited_s == 5.0
    assert SHARED.beside(None).waited_s is None


def test_rows_of_before_have_nothing_outside():
    row = BASE.to_json()
    del row["outside_cpu_seconds"]
    assert Iteration.from_json(row).outside_cpu_seconds == 0.0


def test_what_becomes_of_adapters_in_a_server_is_not_told():
    silent = Iteration.from_json(replace(BASE, adapters=None).to_json())
    found = residency([silent])
    assert found.keys() == residency([BASE]).keys()
    assert {*found.values()} == {NOT_MEASURED}
    assert residency([BASE, silent]) == found
