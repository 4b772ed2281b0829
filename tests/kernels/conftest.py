"""The embedded model and its adapters, as the tests of our own engine have them."""

from tests.engines.multilora.conftest import tiny, tiny_adapters

__all__ = ["tiny", "tiny_adapters"]
