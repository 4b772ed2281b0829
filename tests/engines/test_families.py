"""Small random models of every family, with adapters on all projections, on every engine."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pytest

from pipeline.adapters.synthetic import SyntheticAdapters
from pipeline.engines.llama_cpp.settings import LlamaCppSettings
from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.engines.settings import EngineSettings, Serving
from pipeline.engines.transformers.merged import MergedSettings
from pipeline.engines.transformers.peft_hotswap import PeftHotswapSettings
from pipeline.engines.transformers.peft_mixed import PeftMixedSettings
from pipeline.errors import UsageError
from pipeline.gguf.check import check_gguf
from pipeline.inference.engine import Engine
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.families import FAMILIES
from pipeline.models.family import PROJECTIONS
from tests.conftest import ROOT
from tests.optional import installed

GEMMA = {"head_dim": 32, "query_pre_attn_scalar": 32, "sliding_window": 12}
MOE = {"num_experts": 6, "num_experts_per_tok": 3}
SAID: Mapping[str, dict[str, Any]] = {
    "smollm3": {"num_hidden_layers": 4},
    "granite": {
        **{"embedding_multiplier": 6.0, "attention_multiplier": 0.3},
        **{"residual_multiplier": 0.5, "logits_scaling": 0.7},
    },
    "phi3": {"partial_rotary_factor": 0.5, "tie_word_embeddings": True},
    "gemma2": GEMMA | {"attn_logit_softcapping": 8.0},
    "gemma3_text": GEMMA | {"num_hidden_layers": 6},
    "qwen3_moe": MOE | {"moe_intermediate_size": 64, "norm_topk_prob": True, "head_dim": 32},
    "qwen2_moe": MOE | {"moe_intermediate_size": 64, "shared_expert_intermediate_size": 96},
    "olmoe": MOE | {"num_key_value_heads": 4},
    "olmo": {"clip_qkv": 0.3},
    "olmoe, clipped": MOE | {"num_key_value_heads": 4, "clip_qkv": 0.3},
    "mixtral": {"num_local_experts": 6, "num_experts_per_tok": 3},
}
"""Beyond the small shape, by family and what is special about it."""
SHAPE = {
    **{"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "vocab_size": 2048},
    **{"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512},
    **{"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0},
}
PROMPT = (5, 900, 31, 77, 2047, 300, 12, 12, 640, 1001, 3, 88, 90, 1500, 42, 7)
NAMES = (None, "lora-0000", "lora-0001")
FP32 = {
    "multilora": partial(MultiloraSettings, precision="fp32"),
    "llama_cpp": partial(LlamaCppSettings, precision="f32", context=256),
    "peft_mixed": PeftMixedSettings,
    "merged": MergedSettings,
}
CACHING = ("multilora", "llama_cpp")
PAIRS = {("int8", "q8_0"): 1e-4, ("int4", "q4_0"): 1e-3}
"""Precisions that are as wide, and by how much ours may be above llama.cpp's, in nats."""


@pytest.fixture(
    params=[name for name in FAMILIES if name not in ("llama", "mistral", "qwen2", "qwen3")]
)
def checkpoint(request, tmp_path):
    """A small random model with the embedded tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    values = SHAPE | SAID.get(request.param, {})
    config = AutoConfig.for_model(request.param.split(",")[0], **values)
    model = AutoModelForCausalLM.from_config(config)
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, mean=0.5 if "norm" in name else 0, std=0.1)
    model.save_pretrained(tmp_path / "base")
    tokenizer = ROOT / "pipeline" / "assets" / "tiny" / "base" / "tokenizer.json"
    shutil.copy(tokenizer, tmp_path / "base")
    return Checkpoint.open(tmp_path / "base")


@pytest.fixture
def entered(checkpoint, tmp_path) -> Callable[..., Any]:
    """Enters an engine of the model with two adapters on all its projections."""
    made = SyntheticAdapters(
        name="synthetic", cache=tmp_path, count=2, ranks=(4, 8), targets=PROJECTIONS, alpha=1000.0
    ).adapters(checkpoint.config)
    adapters = {each.name: each for each in made}

    @contextmanager
    def opened(name: str, settings: Callable[..., EngineSettings]) -> Iterator[Engine]:
        chosen = settings(name=name, cache=tmp_path) if name in CACHING else settings(name=name)
        chosen.check(checkpoint, adapters)
        with chosen.build(Serving(checkpoint, adapters, threads=1)) as engine:
            yield engine

    return opened


def test_tokens_are_those_of_transformers(entered, drain, outputs, same_but_for_near_ties):
    _served_alike(FP32, entered, drain, outputs, same_but_for_near_ties)


@pytest.mark.parametrize(
    ("checkpoint", "clipped"),
    [
        ("olmo", ("q_proj", "k_proj", "v_proj")),
        ("olmoe, clipped", ("q_norm", "k_norm", "v_proj")),
    ],
    indirect=["checkpoint"],
)
def test_a_clip_of_queries_keys_and_values_bites(checkpoint, clipped):
    """It changes a third of them at least, and not nearly all."""
    for name, numbers in _between(checkpoint, clipped):
        assert 0.33 < (numbers.abs() > checkpoint.config.scales.clip_qkv).float().mean() < 0.9, name


@pytest.mark.parametrize("checkpoint", ["olmoe, clipped"], indirect=True)
def test_a_clip_that_llama_cpp_has_not(checkpoint, entered, drain, outputs, same_but_for_near_ties):
    ours = {name: FP32[name] for name in ("multilora", "peft_mixed", "merged")}
    _served_alike(ours, entered, drain, outputs, same_but_for_near_ties)
    with pytest.raises(UsageError, match=r"clip_qkv 0\.3: llama\.cpp's olmoe has None"):
        check_gguf(checkpoint, "f32")


def _between(checkpoint, wanted):
    """What modules of these names make of the prompt, in transformers."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(checkpoint.folder, dtype=torch.float32)
    found = []
    for name, module in model.named_modules():
        if name.endswith(wanted):
            module.register_forward_hook(
                lambda _, __, made, name=name: found.append((name, made.detach().clone()))
            )
    with torch.inference_mode():
        model(torch.tensor([PROMPT]))
    assert len(found) == len(wanted) * checkpoint.config.layers
    return found


def _served_alike(engines, entered, drain, outputs, same_but_for_near_ties):
    """By all of these as by transformers: three requests of the same prompt."""
    sampling = SamplingParams(max_new_tokens=8, ignore_eos=True)
    requests = [Request(i, name, None, PROMPT, sampling) for i, name in enumerate(NAMES)]
    with entered("peft_hotswap", PeftHotswapSettings) as reference:
        wanted = outputs(drain(reference, *requests))
        assert len({*map(tuple, wanted.values())}) == len(NAMES)
        for name, settings in engines.items():
            if installed(name):
                with entered(name, settings) as engine:
                    found = outputs(drain(engine, *requests))
                    same_but_for_near_ties(reference, requests, wanted, found)


def test_few_bits_lose_no_more_than_in_llama_cpp(entered, checkpoint):
    if not installed("llama_cpp"):
        pytest.skip("llama-cpp-python isn't installed")
    ids = np.random.default_rng(0).integers(3, 2048, 64).tolist()
    scores = {}
    for precision, name, settings in (
        ("exact", "peft_hotswap", PeftHotswapSettings),
        *((ours, "multilora", partial(MultiloraSettings, precision=ours)) for ours, _ in PAIRS),
        *(
            (theirs, "llama_cpp", partial(LlamaCppSettings, precision=theirs, context=256))
            for _, theirs in PAIRS
        ),
    ):
        with entered(name, settings) as engine:
            scores[precision] = engine.score("lora-0001", PROMPT, ids)
    exact = scores.pop("exact")
    kl = {name: (np.exp(exact) * (exact - each)).sum(-1).mean() for name, each in scores.items()}
    for (ours, theirs), more in PAIRS.items():
        assert kl[ours] < kl[theirs] + more, kl
