"""Which tensors the checkpoint of a decoder holds, of which shapes and types."""

import re
from collections.abc import Iterable

from pipeline.errors import UsageError
from pipeline.models.config import ModelConfig
from pipeline.models.files import AGAIN
from pipeline.models.safetensors_file import NUMPY
from pipeline.models.safetensors_header import StoredTensor
from pipeline.models.weights import StoredWeights

Shapes = dict[str, tuple[int, ...]]

EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
DERIVED = re.compile(r"rotary_emb\.inv_freq$")
"""Tensors of old checkpoints that are computed from `config.json`, and passed over."""


def expected(model: ModelConfig) -> Shapes:
    """Every tensor of that decoder, a separate output layer included."""
    table, vector = (model.vocabulary, model.hidden), (model.hidden,)
    norms = model.family.norms
    shapes: Shapes = {EMBEDDING: table, HEAD: table}
    if norms.weighted:
        shapes["model.norm.weight"] = vector
    for module, (out, in_) in model.modules().items():
        shapes[f"{module}.weight"] = (out, in_)
        if module.rsplit(".", 1)[-1] in model.biased:
            shapes[f"{module}.bias"] = (out,)
    for layer in range(model.layers):
        shapes |= model.experts.tensors(layer, model.hidden) if model.experts else {}
        inside = f"model.layers.{layer}"
        for norm in norms.layer if norms.weighted else ():
            shapes[f"{inside}.{norm}.weight"] = vector
        for norm, heads in zip(norms.heads, (model.heads, model.kv_heads), strict=False):
            width = model.head_dim * (heads if norms.all_heads else 1)
            shapes[f"{inside}.self_attn.{norm}.weight"] = (width,)
    return shapes


def check_tensors(weights: StoredWeights, model: ModelConfig) -> None:
    """Hold every stored tensor against the one description of the model.

    transformers fills a missing tensor with random numbers and passes over one that it doesn't
    know, with a warning each; both would be another model than the file's maker meant.

    Raises:
        UsageError: one is missing, unknown, of another shape, or stored as another type.
    """
    known = expected(model)
    stored = {name: each for name, each in weights.tensors.items() if not DERIVED.search(name)}
    for each in stored.values():
        if each.dtype not in NUMPY:
            raise UsageError(
                f"{each.path}: {each.name} is stored as {each.dtype}: quantised weights can't be "
                f"served; name the original model, stored as {', '.join(NUMPY)}"
            )
    _nothing_missing(known, stored, weights, model)
    for name, each in stored.items():
        if name not in known:
            raise UsageError(f"{each.path}: {_stranger(name)}")
        if each.shape != known[name]:
            raise UsageError(f"{each.path}: {_misfit(each, known[name])}")


def _nothing_missing(
    known: Iterable[str], stored: Iterable[str], weights: StoredWeights, model: ModelConfig
) -> None:
    missing = sorted({*known} - {*stored})
    if model.tied and not {EMBEDDING, HEAD} <= {*missing}:
        missing = [name for name in missing if name not in (EMBEDDING, HEAD)]
    if missing == [HEAD]:
        raise UsageError(
            f"{weights.files[0]}: no tensor {HEAD}, though config.json says tie_word_embeddings="
            "false; set it to true if the output layer is the embedding, else fetch the weights"
        )
    if missing:
        raise UsageError(
            f"{weights.files[0]}: no tensor {missing[0]} ({len(missing)} are missing), which "
            f"config.json asks for; {AGAIN}"
        )


def _stranger(name: str) -> str:
    if name.endswith(".bias"):
        return (
            f"unexpected tensor {name}: this model type has no such bias unless config.json says "
            "so (attention_bias, mlp_bias); correct it, or remove the tensor"
        )
    return (
        f"unexpected tensor {name}: config.json describes another model "
        "(num_hidden_layers, model_type); correct it, or remove the tensor"
    )


def _misfit(each: StoredTensor, wanted: tuple[int, ...]) -> str:
    if each.name in (EMBEDDING, HEAD) and each.shape[1:] == wanted[1:]:
        return (
            f"{each.name} has {each.shape[0]} rows, vocab_size in config.json says {wanted[0]}; "
            "correct whichever is wrong"
        )
    return f"{each.name} is {list(each.shape)}, config.json asks for {list(wanted)}; correct it"
