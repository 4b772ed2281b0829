"""How llama.cpp names and orders what transformers calls by other names."""

from typing import TYPE_CHECKING

import gguf

from pipeline.models.config import ModelConfig

if TYPE_CHECKING:
    from torch import Tensor

GGUF_ARCHITECTURES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3"}
"""llama.cpp's architecture by transformers' model type."""


def gguf_architecture(model: ModelConfig) -> str:
    """llama.cpp's name of the family: Mistral runs as a Llama."""
    return GGUF_ARCHITECTURES[model.family]


class TensorNames:
    """Names of tensors in a GGUF file, by their names in the checkpoint."""

    def __init__(self, model: ModelConfig) -> None:
        wanted = gguf_architecture(model)
        kind = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == wanted)
        self._names = gguf.get_tensor_name_map(kind, model.layers)

    def __getitem__(self, name: str) -> str:
        """`blk.0.attn_q.weight` for `model.layers.0.self_attn.q_proj.weight`."""
        found: str | None = self._names.get_name(name, try_suffixes=(".weight", ".bias"))
        if found is None:
            raise KeyError(name)
        return found


def rotated_heads(name: str, model: ModelConfig) -> int | None:
    """Number of heads whose rows llama.cpp orders differently in that tensor; None if in none.

    Only its Llama rotates neighbouring pairs, so only there are queries and keys affected.

    Args:
        name: of the tensor or module in the checkpoint.
        model: its configuration.
    """
    if gguf_architecture(model) == "llama":
        if ".q_proj" in name:
            return model.heads
        if ".k_proj" in name:
            return model.kv_heads
    return None


def interleave(rows: "Tensor", heads: int) -> "Tensor":
    """Rows of each head reordered from halves to pairs: 0, h, 1, h + 1, … with 2h rows a head.

    Rotary embedding turns row i together with row i + h in transformers, and row 2i together
    with row 2i + 1 in llama.cpp's Llama (Su et al. 2021 leaves the pairing open).

    Args:
        rows: (heads · 2h, …), a weight, a bias or a LoRA B.
        heads: how many heads the rows belong to.
    """
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return halves.transpose(1, 2).reshape(rows.shape)
