"""How transformers stores a base model's weights in memory, and how many bytes that takes."""

import logging
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from pipeline.models.quantization import Quantization


def loading(quantization: Quantization, dtype: torch.dtype) -> dict[str, Any]:
    """Arguments of `from_pretrained` that store the weights so, on the fly, while loading.

    Args:
        quantization: how the weights of the linear layers are stored.
        dtype: of the activations, and of the arithmetic for nf4.
    """
    if quantization is Quantization.NONE:
        return {}
    from transformers import BitsAndBytesConfig

    quieten()
    if quantization is Quantization.INT8:
        return {"quantization_config": BitsAndBytesConfig(load_in_8bit=True)}
    config = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
    )
    return {"quantization_config": config}


def quieten() -> None:
    """Stop bitsandbytes from logging a line for every int8 product: that is in the timed path."""
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)


def stored_bytes(model: Any) -> int:
    """Bytes of the model's parameters and buffers, with the scales of quantised ones.

    Tied weights count once.
    """
    storages = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
        for parameter in (*model.parameters(), *model.buffers())
        for tensor in _parts(parameter)
    }
    return sum(storages.values())


def read_bytes(model: Any) -> int:
    """Bytes of the weights that a decode step reads: an embedding is only looked up."""
    rows, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    looked_up = 0 if rows is head else int(rows.nbytes)
    return sum(int(each.nbytes) for each in model.parameters()) - looked_up


def _parts(parameter: Tensor) -> Iterator[Tensor]:
    """The tensor, and what bitsandbytes hangs on it: scales by row (int8) or by block (nf4)."""
    yield parameter.data
    state = getattr(parameter, "quant_state", None)
    extra = (getattr(parameter, "SCB", None), getattr(state, "absmax", None))
    yield from (each for each in extra if isinstance(each, Tensor))
