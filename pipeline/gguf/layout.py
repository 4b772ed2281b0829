"""How llama.cpp names and orders what transformers calls by other names."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import gguf

from pipeline.errors import UsageError
from pipeline.models.config import ModelConfig
from pipeline.models.family import PROJECTIONS, QKV

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

Rows = TypeVar("Rows", "NDArray[Any]", "Tensor")


@dataclass(frozen=True)
class GgufArchitecture:
    """A decoder as llama.cpp computes it; several families may be served by one.

    Attributes:
        name: llama.cpp's.
        biased: the projections that may have a bias.
        turns_pairs: the rotary embedding turns neighbouring rows, so that those of queries and
            keys stand in another order.
        takes_divisors: frequencies may be divided one by one, by a tensor.
        fixed_width: a head is as wide as the residual stream divided by the heads.
        takes_parts: a part of each head may be turned.
        takes_factors: LongRoPE's factors may be stored, as tensors.
        activation: of its gates, by transformers' name.
        scales: those of `Scales` that its metadata sets.
        capped: those of `Scales` that it caps by always, and so has to be told.
        rooted: whether it multiplies embeddings by √width, and scores by 1 / √head width.
        full_every: the layer of so many that sees all of a sequence, where the others have a
            window; None if no layer has.
        unturned_every: the layer of so many whose queries and keys aren't turned; None if none is.
        experts: what the weights of the experts in use add up to: 1, or less; None if it computes
            none.
        shares_keys: several query heads may share one of keys and values.
        epsilon: what its metadata calls the number that norms add.
        head: whether the output layer may be, has to be or can't be a tensor of its own.
    """

    name: str
    biased: tuple[str, ...] = QKV
    turns_pairs: bool = False
    takes_divisors: bool = False
    fixed_width: bool = False
    takes_parts: bool = False
    takes_factors: bool = False
    activation: str = "silu"
    scales: tuple[str, ...] = ()
    capped: tuple[str, ...] = ()
    rooted: bool = False
    full_every: int | None = None
    unturned_every: int | None = None
    experts: Literal["one", "less"] | None = None
    shares_keys: bool = True
    epsilon: str = "attention.layer_norm_rms_epsilon"
    head: Literal["may", "must", "never"] = "may"


_GEMMA = GgufArchitecture("gemma", (), activation="gelu_pytorch_tanh", rooted=True)
_ENTRIES = (
    GgufArchitecture("llama", PROJECTIONS, turns_pairs=True, takes_divisors=True, experts="one"),
    GgufArchitecture("qwen2", fixed_width=True),
    GgufArchitecture("qwen3"),
    GgufArchitecture("smollm3", (), turns_pairs=True, unturned_every=4),
    GgufArchitecture(
        "granite",
        PROJECTIONS,
        turns_pairs=True,
        scales=("embedding", "attention", "residual", "logits"),
    ),
    GgufArchitecture("phi3", (), fixed_width=True, takes_parts=True, takes_factors=True),
    replace(
        _GEMMA,
        name="gemma2",
        capped=("attention_cap", "logits_cap"),
        full_every=2,
        head="never",
    ),
    replace(_GEMMA, name="gemma3", full_every=6),
    GgufArchitecture(
        "olmo",
        (),
        turns_pairs=True,
        fixed_width=True,
        scales=("clip_qkv",),
        epsilon="attention.layer_norm_epsilon",
    ),
    GgufArchitecture("olmo2", (), fixed_width=True, head="must"),
    GgufArchitecture("qwen3moe", (), experts="one"),
    GgufArchitecture("qwen2moe", fixed_width=True, experts="less"),
    GgufArchitecture("olmoe", (), fixed_width=True, experts="less", shares_keys=False, head="must"),
)
ARCHITECTURES = {each.name: each for each in _ENTRIES}
"""By the name that `Family.gguf` gives."""


def check_family(model: ModelConfig, where: str) -> None:
    """Refuse a family that llama.cpp doesn't compute.

    Args:
        model: its configuration.
        where: its folder, for the error.

    Raises:
        UsageError: with the family's name.
    """
    if model.family.gguf not in ARCHITECTURES:
        raise UsageError(
            f"{where}: model_type {model.family.name!r} can't be written as GGUF; "
            "use another engine"
        )


def gguf_architecture(model: ModelConfig) -> GgufArchitecture:
    """llama.cpp's architecture that computes the family: Mistral runs as a Llama."""
    return ARCHITECTURES[model.family.gguf or ""]


def longest(model: ModelConfig) -> int:
    """The longest sequence that llama.cpp computes as transformers does.

    It ends where a sliding window would begin to matter, unless llama.cpp keeps to it in this
    architecture, and where the rotary embedding would become another.
    """
    keeps = gguf_architecture(model).full_every is not None
    return min(model.steady, model.positions if keeps else model.seen)


class TensorNames:
    """Names of tensors in a GGUF file, by their names in the checkpoint."""

    def __init__(self, model: ModelConfig) -> None:
        wanted = gguf_architecture(model).name
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

    Args:
        name: of the tensor or module in the checkpoint.
        model: its configuration.
    """
    if gguf_architecture(model).turns_pairs:
        if ".q_proj" in name:
            return model.heads
        if ".k_proj" in name:
            return model.kv_heads
    return None


def interleave(rows: Rows, heads: int) -> Rows:
    """Rows of each head reordered from halves to pairs: 0, h, 1, h + 1, … with 2h rows a head.

    Rotary embedding turns row i together with row i + h in transformers, and row 2i together
    with row 2i + 1 in llama.cpp's Llama (Su et al. 2021 leaves the pairing open).

    Args:
        rows: (heads · 2h, …), a weight, a bias or a LoRA B.
        heads: how many heads the rows belong to.
    """
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return halves.swapaxes(1, 2).reshape(rows.shape)


def part(rows: Rows, heads: int) -> Rows:
    """The way back from `interleave`: rows of each head reordered from pairs to halves."""
    pairs = rows.reshape(heads, rows.shape[0] // heads // 2, 2, *rows.shape[1:])
    return pairs.swapaxes(1, 2).reshape(rows.shape)
