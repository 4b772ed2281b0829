import os
import sys
from threading import get_ident

import pytest
import torch

from pipeline.engines.batching.adapter_loaders import NICENESS, background_loader


def priority():
    return os.getpriority(os.PRIO_PROCESS, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux")
def test_the_loader_gives_way_and_nobody_else_does():
    before = priority()
    with background_loader() as loader:
        assert loader.submit(priority).result() == min(before + NICENESS, 19)
    assert priority() == before


def test_loads_come_one_after_the_other_and_leave_the_compute_threads_alone():
    threads = torch.get_num_threads()
    with background_loader() as loader:
        idents = {loader.submit(get_ident).result() for _ in range(4)}
        loader.submit(torch.ones(1 << 20).half).result()
    assert len(idents) == 1
    assert get_ident() not in idents
    assert torch.get_num_threads() == threads
