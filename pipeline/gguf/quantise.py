"""Quantised GGUF files, made by llama.cpp itself so that they hold what `llama-quantize` writes."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pipeline.gguf.file import GgufFile
from pipeline.models.config import ModelConfig

BLOCKS = {"q8_0": 32, "q4_0": 32, "q4_k_m": 32}
"""Weights that share a scale, which every row must hold a whole number of."""

SUPERBLOCK = 256
"""Weights of a block of q4_k_m's own types. Where a row doesn't hold a whole number of them
llama.cpp takes a type of blocks of 32 in their place: q5_0 for q4_K, q8_0 for q6_K."""

INSTALL = "CMAKE_ARGS=-DLLAVA_BUILD=OFF pip install llama-cpp-python==0.3.36"

if TYPE_CHECKING:
    from types import ModuleType


def check_widths(model: ModelConfig, precision: str) -> None:
    """Refuse widths that the precision's blocks don't divide.

    llama.cpp would leave those at f16, and the file be measured under the wrong name. (In q4_0 it
    keeps the output layer at q6_K, or at q8_0 where 256 doesn't divide the width: that is q4_0 as
    everyone knows it.)

    Raises:
        UsageError: a width doesn't fit; the error names a precision that does.
    """
    block = BLOCKS.get(precision, 1)
    queries = model.heads * model.head_dim
    for width in (model.hidden, queries, *_inner_widths(model)):
        if width % block:
            raise UsageError(
                f"precision {precision} needs widths that {block} divides, this model has {width}; "
                "use f16"
            )


def _inner_widths(model: ModelConfig) -> Iterator[int]:
    """Of the feed-forward blocks that the model has: one width of them, or experts', or both."""
    if not all(model.has_experts(layer) for layer in range(model.layers)):
        yield model.intermediate
    if model.experts:
        yield from (model.experts.width, model.experts.shared)


def stand_ins(path: Path, precision: str) -> str | None:
    """Which matrices of a file aren't of the precision's own types, and of which they are.

    None if all are, as in every precision but q4_k_m and with every width that 256 divides.
    """
    if precision != "q4_k_m":
        return None
    matrices = [each for each in GgufFile.read(path).tensors.values() if each.shape[1:]]
    odd = [each for each in matrices if each.shape[-1] % SUPERBLOCK]
    if not odd:
        return None
    counts = Counter(each.type for each in odd)
    taken = ", ".join(f"{name} {count} times" for name, count in counts.most_common())
    widths = ", ".join(str(each) for each in sorted({each.shape[-1] for each in odd}))
    return (
        f"{precision} doesn't fit rows of {widths}, which {SUPERBLOCK} doesn't divide: of "
        f"{len(matrices)} matrices llama.cpp stores {len(odd)} as other types ({taken})"
    )


def quantise(source: Path, target: Path, precision: str) -> None:
    """Quantise the f16 or f32 file `source` with llama.cpp's own mixture of types.

    Raises:
        UsageError: llama-cpp-python is missing, or llama.cpp refused.
    """
    llama_cpp = _llama_cpp()
    import gguf

    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = int(gguf.LlamaFileType[f"MOSTLY_{precision.upper()}"])
    if llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), params):
        raise UsageError(f"{source}: llama.cpp couldn't quantise it to {precision}; see its log")


def _llama_cpp() -> "ModuleType":
    try:
        import llama_cpp
        from llama_cpp._logger import set_verbose
    except ImportError as error:
        raise UsageError(f"quantised GGUF files need llama-cpp-python: {INSTALL}") from error
    set_verbose(False)
    return llama_cpp
