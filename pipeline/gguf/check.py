"""What llama.cpp has no equal of, told before a GGUF file is written."""

from dataclasses import fields

from pipeline.errors import UsageError
from pipeline.gguf.layout import GgufArchitecture, check_family, gguf_architecture
from pipeline.gguf.metadata import check_rope
from pipeline.gguf.quantise import BLOCKS, check_widths
from pipeline.gguf.tokenizer import describe, surroundings, vocabulary_of
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig
from pipeline.models.family import PLAIN, Scales
from pipeline.models.finite import fits_f16

PRECISIONS = ("f32", "f16", *BLOCKS)


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
    model = checkpoint.config
    check_family(model, str(checkpoint.folder))
    check_widths(model, precision)
    if fault := _fault(model):
        raise UsageError(f"{checkpoint.folder}: {fault}; use a PEFT engine")
    check_rope(model)
    if checkpoint.is_made:
        describe(checkpoint)
        _check_numbers(checkpoint, precision)
    elif checkpoint.tokenizer_source:
        vocabulary_of(checkpoint.tokenizer_source, model.vocabulary)
        surroundings(checkpoint.tokenizer_source)


def _fault(model: ModelConfig) -> str | None:
    """What llama.cpp would compute otherwise, or not at all."""
    name, architecture = model.family.name, gguf_architecture(model)
    if model.activation != architecture.activation:
        known = architecture.activation
        return f"hidden_act {model.activation!r}: llama.cpp computes {known} only here"
    if architecture.fixed_width and model.heads * model.head_dim != model.hidden:
        return f"llama.cpp's {architecture.name} needs head_dim = hidden_size / heads"
    if model.heads != model.kv_heads and not architecture.shares_keys:
        said = f"{model.heads} query heads share {model.kv_heads} of keys and values"
        return f"{said}: llama.cpp's {architecture.name} has as many of each"
    if strange := sorted({*model.biased} - {*architecture.biased}):
        return f"llama.cpp has no place for tensor {strange[0]}.bias in {name}"
    if model.rope.width(model.head_dim) % 2:
        return f"partial_rotary_factor: {model.rope.width(model.head_dim)} numbers make no pairs"
    if architecture.head == "never" and not model.tied:
        return f"tie_word_embeddings: llama.cpp's {architecture.name} has no other output layer"
    return (
        _fault_of_scales(model, architecture)
        or _fault_of_layers(model, architecture)
        or _fault_of_experts(model, architecture)
    )


def _fault_of_scales(model: ModelConfig, its: GgufArchitecture) -> str | None:
    plain = Scales(model.head_dim**-0.5, model.hidden**0.5) if its.rooted else PLAIN
    for each in fields(Scales):
        name, value = each.name, getattr(model.scales, each.name)
        known = getattr(plain, name)
        if name in its.capped and value is None:
            return f"no {name}: llama.cpp's {its.name} always has one"
        if name in its.scales and value == 0:
            return f"{name} scaled by 0: llama.cpp's {its.name} takes that for no scale"
        if name not in (*its.scales, *its.capped) and value != known:
            return f"{name} {value}: llama.cpp's {its.name} has {known}, whatever is stored"
    return None


def _fault_of_layers(model: ModelConfig, its: GgufArchitecture) -> str | None:
    layers, windows = range(1, model.layers + 1), [*filter(None, model.windows)]
    if its.full_every and windows:
        wanted = [layer % its.full_every != 0 for layer in layers]
        if [each is not None for each in model.windows] != wanted:
            return (
                f"layer_types: llama.cpp's {its.name} has a window in all layers but one of every "
                f"{its.full_every}"
            )
    if its.unturned_every or model.turned:
        every = its.unturned_every or model.layers + 1
        if [model.rope_of(layer - 1) is not None for layer in layers] != [
            layer % every != 0 for layer in layers
        ]:
            turned = f"all but one of every {every}" if its.unturned_every else "all"
            return f"no_rope_layers: llama.cpp's {its.name} turns {turned}"
    return None


def _fault_of_experts(model: ModelConfig, its: GgufArchitecture) -> str | None:
    if (experts := model.experts) is None:
        return None
    if its.experts is None:
        return f"llama.cpp's {its.name} has no experts"
    if experts.normalised != (its.experts == "one"):
        said = "add up to 1, whatever" if its.experts == "one" else "don't add up to 1, whatever"
        return f"norm_topk_prob: the weights of llama.cpp's {its.name} {said} is stored"
    if not all(experts.layers):
        return f"mlp_only_layers, decoder_sparse_step: llama.cpp's {its.name} has experts in all"
    return None


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
