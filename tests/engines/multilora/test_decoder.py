"""The decoder against transformers, with every request its own adapter."""

import shutil
from dataclasses import replace

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from pipeline.adapters.synthetic import SyntheticAdapters
from pipeline.engines.multilora.decoder import Decoder
from pipeline.engines.multilora.lora import LoadPlan
from pipeline.engines.transformers.lora_delta import FoldedWeights, read_factors
from pipeline.kernels.native import NativeKernels
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.family import PROJECTIONS


@pytest.fixture(scope="session")
def decoder(tiny):
    return Decoder.load(tiny, "fp32", NativeKernels(2))


@pytest.fixture(scope="session")
def expected(tiny):
    """Logits of every position, from transformers with the adapter folded into the weights."""
    model = AutoModelForCausalLM.from_pretrained(tiny.folder, dtype=torch.float32).eval()
    folded = FoldedWeights(model)

    @torch.inference_mode()
    def logits(ids, adapter=None):
        folded.fold(read_factors(adapter) if adapter else {})
        return model(input_ids=torch.tensor([ids])).logits[0]

    return logits


def load(adapter, decoder, dtype="fp16"):
    return LoadPlan.of(adapter, decoder.config, dtype).load(decoder.kernels)


def test_eight_adapters_in_one_ragged_batch(tiny, tiny_adapters, decoder, drive, ids, expected):
    driver = drive(decoder)
    names = [*tiny_adapters, None]
    for number, name in enumerate(names):
        loaded = load(tiny_adapters[name], decoder, "fp32") if name else None
        driver.add(ids(20 + 7 * number, tiny.config, number), loaded)
    # Some sequences begin with long chunks, some with short ones, some wait; all end by decoding.
    lengths = [len(sequence.ids) for sequence in driver.sequences]
    turn = 0
    while any(s.done < len(s.ids) for s in driver.sequences):
        chunks = {}
        for index, sequence in enumerate(driver.sequences):
            left = lengths[index] - sequence.done
            want = 1 if left <= 6 else (17, 5, 1, 0)[(index + turn) % 4]
            if left and want:
                chunks[index] = min(want, left)
        if chunks:
            driver.step(chunks)
        turn += 1
    for index, name in enumerate(names):
        wanted = expected(driver.sequences[index].ids, tiny_adapters.get(name))
        torch.testing.assert_close(driver.result(index), wanted, atol=2e-3, rtol=1e-4)


@pytest.mark.parametrize("precision", ["fp32", "int8", "int4"])
def test_a_request_is_the_same_alone_and_in_company(precision, tiny, tiny_adapters, drive, ids):
    decoder = Decoder.load(tiny, precision, NativeKernels(2))
    loaded = [load(each, decoder) for each in tiny_adapters.values()]
    company, alone = drive(decoder), drive(decoder)
    for number, adapter in enumerate(loaded):
        company.add(ids(40, tiny.config, number), adapter)
    alone.add(ids(40, tiny.config, 3), loaded[3])
    for chunk in (13, 20, 1, 1, 5):
        company.step({index: chunk for index in range(len(loaded))})
    for chunk in (33, 1, 1, 1, 1, 1, 1, 1):
        alone.step({0: chunk})
    assert torch.equal(alone.result(0), company.result(3))


YARN = {"rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0}
LONGROPE = {
    **{"rope_type": "longrope", "rope_theta": 500.0},
    **{"short_factor": [1.0, 1.2, 1.5, 2.0], "long_factor": [2.0, 3.0, 4.0, 5.0]},
}
LLAMA3 = {
    **{"rope_type": "llama3", "rope_theta": 500000.0, "original_max_position_embeddings": 16},
    **{"factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0},
}
MOE = {"num_experts": 6, "num_experts_per_tok": 4, "moe_intermediate_size": 36}
FAMILIES = {
    "qwen2": {},
    "qwen3": {"head_dim": 24},
    "mistral": {"sliding_window": 9},
    "llama": {"attention_bias": True, "mlp_bias": True, "rope_parameters": LLAMA3},
    "llama, yarn": {"rope_parameters": YARN | {"original_max_position_embeddings": 16}},
    "llama, dynamic": {"rope_parameters": YARN | {"rope_type": "dynamic"}},
    "smollm3": {"no_rope_layer_interval": 2, "use_sliding_window": True, "sliding_window": 9},
    "smollm3, by layer": {"no_rope_layers": [0, 1], "attention_bias": True},
    "granite": {
        **{"embedding_multiplier": 12.0, "attention_multiplier": 0.4, "logits_scaling": 0.5},
        **{"residual_multiplier": 0.22, "attention_bias": True},
    },
    "phi3": {"sliding_window": 9},
    "phi3, longrope": {
        **{"rope_parameters": LONGROPE, "partial_rotary_factor": 0.7},
        "original_max_position_embeddings": 32,
    },
    "gemma2": {
        **{"head_dim": 16, "sliding_window": 9, "query_pre_attn_scalar": 30},
        **{"attn_logit_softcapping": 4.0, "final_logit_softcapping": 9.0},
    },
    "gemma3_text": {
        **{"head_dim": 16, "sliding_window": 9, "sliding_window_pattern": 2},
        **{"query_pre_attn_scalar": 30, "final_logit_softcapping": 9.0},
    },
    "olmo": {},
    "olmo, clipped": {"clip_qkv": 0.8, "attention_bias": True},
    "olmo2": {},
    "mixtral": {"num_local_experts": 5, "num_experts_per_tok": 3, "sliding_window": 9},
    "qwen3_moe": MOE | {"norm_topk_prob": True, "head_dim": 24},
    "qwen3_moe, some layers dense": MOE | {"decoder_sparse_step": 2, "head_dim": 24},
    "qwen3_moe, a window": MOE | {"use_sliding_window": True, "sliding_window": 9},
    "olmoe": MOE,
    "olmoe, clipped": MOE | {"clip_qkv": 0.25, "norm_topk_prob": True},
    "qwen2_moe": MOE | {"shared_expert_intermediate_size": 44},
    "qwen2_moe, a window": {
        **MOE,
        **{"use_sliding_window": True, "sliding_window": 9, "norm_topk_prob": True},
        **{"shared_expert_intermediate_size": 44, "mlp_only_layers": [1], "qkv_bias": False},
    },
}


def random_model(named, tiny, folder):
    """Of a family, with the embedded tokenizer beside it."""
    config = AutoConfig.for_model(
        named.split(",")[0],
        **{"hidden_size": 72, "intermediate_size": 100, "num_hidden_layers": 2},
        **{"num_attention_heads": 6, "num_key_value_heads": 2, "vocab_size": 130},
        **{"max_position_embeddings": 64, "pad_token_id": 0, **FAMILIES[named]},
    )
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    shutil.copy(tiny.folder / "tokenizer.json", folder)
    return model, Checkpoint.open(folder)


@pytest.mark.parametrize("precision", ["fp32", "int8", "int4"])
def test_tokens_go_to_the_same_experts_in_any_company(precision, tiny, tmp_path, drive, ids):
    _, checkpoint = random_model("qwen2_moe", tiny, tmp_path)
    decoder = Decoder.load(checkpoint, precision, NativeKernels(2))
    company, alone = drive(decoder), drive(decoder)
    for number in range(7):
        company.add(ids(20, checkpoint.config, number))
    alone.add(ids(20, checkpoint.config, 3))
    for chunk in (9, 10, 1):
        company.step(dict.fromkeys(range(7), chunk))
    for chunk in (2, 17, 1):
        alone.step({0: chunk})
    assert torch.equal(alone.result(0), company.result(3))


@pytest.mark.parametrize("named", FAMILIES)
def test_families(named, tiny, tmp_path, drive, ids):
    """Each with an adapter on all projections, beside the base alone."""
    model, checkpoint = random_model(named, tiny, tmp_path)
    settings = SyntheticAdapters(name="synthetic", cache=tmp_path, targets=PROJECTIONS, alpha=300.0)
    adapter, *_ = replace(settings, count=1).adapters(checkpoint.config)
    decoder = Decoder.load(checkpoint, "fp32", NativeKernels(2))
    driver = drive(decoder)
    for loaded in (None, load(adapter, decoder, "fp32")):
        driver.add(ids(30, checkpoint.config, 0), loaded)
    for chunk in (11, 7, 11, 1):
        driver.step({0: chunk, 1: chunk})
    folded, logits = FoldedWeights(model), []
    for factors in ({}, read_factors(adapter)):
        folded.fold(factors)
        with torch.inference_mode():
            logits.append(model(input_ids=torch.tensor([driver.sequences[0].ids])).logits[0])
    assert (logits[0] - logits[1]).abs().max() > 0.1
    for index, wanted in enumerate(logits):
        torch.testing.assert_close(driver.result(index), wanted, atol=1e-3, rtol=1e-3)
