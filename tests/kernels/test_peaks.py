"""The peaks that the roofline is drawn from."""

import pytest

from pipeline.kernels import peaks
from pipeline.kernels.native_pool import NativePool

POOL = NativePool(2)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(peaks, "TRIES", 2)
    monkeypatch.setattr(peaks, "_SECONDS", 0.0005)


@pytest.mark.parametrize("bits", peaks.BITS)
def test_products_are_counted(bits):
    one, many = (POOL.library.peak_multiply(POOL.handle, bits, *each) for each in ((1, 1), (3, 5)))
    assert one > 0 and many == 15 * one
    assert peaks.products_per_s(POOL, bits) > 1e6


def test_numbers_of_another_width_are_refused():
    with pytest.raises(ValueError, match="no products of 4 bits"):
        peaks.products_per_s(POOL, 4)


def test_memory_is_read():
    assert peaks.bytes_per_s(POOL, 1 << 22) > 1e6
    with pytest.raises(ValueError, match="nothing to read"):
        POOL.library.peak_read(POOL.handle, None, 64, 1, 0)
    with pytest.raises(ValueError, match="no pieces"):
        POOL.library.peak_read(POOL.handle, 64, 64, 0, 0)
