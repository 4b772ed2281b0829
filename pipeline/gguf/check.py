"""What llama.cpp has no equal of, told before a GGUF file is written."""

from pipeline.errors import UsageError
from pipeline.gguf.layout import gguf_architecture
from pipeline.gguf.quantise import BLOCKS, check_widths
from pipeline.gguf.rope import check_rope
from pipeline.gguf.tokenizer import described, surroundings, vocabulary_of
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.families import PROJECTIONS
from pipeline.models.finite import fits_f16

PRECISIONS = ("f32", "f16", *BLOCKS)

_QKV = PROJECTIONS[:3]
_BIASED = {"llama": PROJECTIONS, "qwen2": _QKV, "qwen3": _QKV}
"""Projections that may have a bias in llama.cpp, by its architecture."""


def check_gguf(checkpoint: Checkpoint, precision: str) -> None:
    """Refuse what can't be written in that precision; of the weights only how large.

    Args:
        checkpoint: the base model, whose files may not be made yet.
        precision: one of `PRECISIONS`.

    Raises:
        UsageError: the precision is unknown or doesn't fit the model's widths, or llama.cpp would
            compute something else than transformers, or has no equal of the tokenizer.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"precision {precision!r}: use one of {', '.join(PRECISIONS)}")
    where, shape = checkpoint.folder, checkpoint.config
    check_widths(shape, precision)
    if shape.activation != "silu":
        raise UsageError(
            f"{where}: hidden_act {shape.activation!r}: llama.cpp computes silu only here; "
            "use a PEFT engine"
        )
    if shape.family == "qwen2" and shape.heads * shape.head_dim != shape.hidden:
        raise UsageError(
            f"{where}: llama.cpp's qwen2 needs head_dim = hidden_size / heads; use a PEFT engine"
        )
    if strange := sorted({*shape.biased} - {*_BIASED[gguf_architecture(shape)]}):
        raise UsageError(
            f"{where}: llama.cpp has no place for tensor {strange[0]}.bias in {shape.family}; "
            "use a PEFT engine"
        )
    check_rope(shape)
    if checkpoint.is_made:
        described(checkpoint)
        _check_numbers(checkpoint, precision)
    elif checkpoint.tokenizer_source:
        vocabulary_of(checkpoint.tokenizer_source, shape.vocabulary)
        surroundings(checkpoint.tokenizer_source)


def _check_numbers(checkpoint: Checkpoint, precision: str) -> None:
    """Of the matrices, which alone become float16; quantised files are made from exact ones."""
    if precision != "f16":
        return
    with checkpoint.weights.open() as opened:
        for each in opened:
            if each.shape[1:] and not fits_f16(each, opened.read):
                raise UsageError(
                    f"{each.path}: {each.name} holds numbers beyond 65504, float16's last; "
                    "use engine.precision=f32"
                )
