"""Which libraries a run was measured with."""

from importlib.metadata import PackageNotFoundError, version

LIBRARIES = (
    "torch",
    "transformers",
    "peft",
    "tokenizers",
    "safetensors",
    "numpy",
    "mlflow",
    "hydra-core",
    "omegaconf",
    "llama-cpp-python",
    "bitsandbytes",
)
"""Those whose version can change a number; the last two are optional."""


def versions() -> dict[str, str | None]:
    """Version by library, read from its metadata without importing it; None if not installed."""
    return {library: _version(library) for library in LIBRARIES}


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
