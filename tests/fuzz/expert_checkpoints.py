"""`checkpoints` with models that have experts: other tensors, and keys that say how many."""

from pathlib import Path

from tests.fuzz.campaign import Try
from tests.fuzz.checkpoints import KEYS, SHAPES, begin_with, changes
from tests.fuzz.small_checkpoints import WITH_EXPERTS

COUNTS = (
    *("num_experts", "num_local_experts", "num_experts_per_tok", "moe_intermediate_size"),
    *("shared_expert_intermediate_size", "decoder_sparse_step", "mlp_only_layers"),
)
OF_EXPERTS = (
    *COUNTS,
    *("norm_topk_prob", "clip_qkv", "router_aux_loss_coef", "output_router_logits", "qkv_bias"),
    *("router_jitter_noise", "experts_implementation", "n_shared_experts", "first_k_dense_replace"),
)


def begin(work: Path, arm: str, seed: int) -> Try:
    """As `checkpoints.begin`."""
    # Every other key is one of experts, of which there are fewer.
    more = changes((*SHAPES, *COUNTS * 2), (*KEYS, *OF_EXPERTS * 3))
    return begin_with(WITH_EXPERTS, more, work, arm, seed)
