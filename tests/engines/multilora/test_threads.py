"""Threads that give way: whatever their number, and whoever else wants the processors."""

import os
import threading
from contextlib import suppress

import pytest
import torch

from pipeline.engines.multilora.decoder import Decoder
from pipeline.kernels.native import NativeKernels


@pytest.mark.parametrize("precision", ["fp32", "int8", "int4"])
def test_tokens_are_the_same_with_any_number_of_threads(precision, tiny, drive, ids):
    """Pools beside one another are each other's busy neighbours."""
    results = []

    def served(threads):
        driver = drive(Decoder.load(tiny, precision, NativeKernels(threads)), 512)
        for number in range(5):
            driver.add(ids(24, tiny.config, number))
        for chunk in (9, 1, 1, 12, 1):
            driver.step(dict.fromkeys(range(5), chunk))
        results.append(torch.stack([driver.result(number) for number in range(5)]))

    beside = [threading.Thread(target=served, args=[threads]) for threads in (1, 2, 3, 8)]
    for each in beside:
        each.start()
    for each in beside:
        each.join()
    assert len(results) == 4 and all(torch.equal(results[0], each) for each in results)


@pytest.fixture
def one_processor():
    """Keeps threads on one of the processors, until the test is over."""
    may, kept = os.sched_getaffinity(0), []

    def keep(threads):
        kept.extend(threads)
        for each in threads:
            os.sched_setaffinity(each, {min(may)})

    yield keep
    for each in kept:
        with suppress(ProcessLookupError):
            os.sched_setaffinity(each, may)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux alone has it")
def test_threads_on_one_processor_come_to_the_same_end_and_stay_there(
    tiny, drive, ids, one_processor
):
    """Whoever waits for one that can't run beside it lets it run, and moves none for good."""

    def served():
        driver = drive(decoder, 512)
        for number in range(5):
            driver.add(ids(24, tiny.config, number))
        for chunk in (9, 1, 1, 12, 1):
            driver.step(dict.fromkeys(range(5), chunk))
        return torch.stack([driver.result(number) for number in range(5)])

    before = _threads()
    kernels = NativeKernels(2)
    mine = _threads() - before | {threading.get_native_id()}
    decoder = Decoder.load(tiny, "int8", kernels)
    apart = served()
    one_processor(mine)
    assert torch.equal(served(), apart)
    assert {frozenset(os.sched_getaffinity(each)) for each in mine} == {
        frozenset(os.sched_getaffinity(0))
    }


def _threads():
    return {int(each) for each in os.listdir("/proc/self/task")}
