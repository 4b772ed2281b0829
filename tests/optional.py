"""Engines that need a package which isn't among the requirements, and whether it is there."""

from importlib.util import find_spec

import pytest

from pipeline.engines.ik_llama_cpp.settings import INSTALL

OPTIONAL = {"ik_llama_cpp": INSTALL}
"""What installs such a package; it is called like the engine."""


ELSEWHERE = {"openai": "tests/engines/openai serves it by servers of its own"}
"""Engines that need a server."""


def installed(engine: str) -> bool:
    """Whether that engine can serve here."""
    if engine in ELSEWHERE:
        return False
    return engine not in OPTIONAL or find_spec(engine) is not None


def needed(engine: str) -> None:
    """Skip a test of an engine that can't serve here, with the line that says what it needs."""
    if engine in ELSEWHERE:
        pytest.skip(ELSEWHERE[engine])
    if not installed(engine):
        pytest.skip(f"engine={engine} isn't installed: {OPTIONAL[engine]}")
