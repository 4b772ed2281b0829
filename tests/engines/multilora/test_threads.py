"""Threads that give way: whatever their number, and whoever else wants the processors."""

import threading

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
