"""Engines that need a package which isn't among the requirements, and whether it is there."""

from importlib.util import find_spec

OPTIONAL = {"ik_llama_cpp": "ik_llama_cpp"}
"""Such a package, by the engine's name."""


def installed(engine: str) -> bool:
    """Whether that engine can serve here."""
    return engine not in OPTIONAL or find_spec(OPTIONAL[engine]) is not None
