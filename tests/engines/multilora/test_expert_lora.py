"""Adapters of experts, shared experts and routers, against PEFT and against merged checkpoints."""

import json
import shutil

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import CONFIG, PREFIX, WEIGHTS
from pipeline.adapters.module_patterns import is_target
from pipeline.engines.multilora.assembly import score
from pipeline.engines.multilora.decoder import Decoder
from pipeline.engines.multilora.lora import LoadPlan
from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.engines.settings import Serving
from pipeline.errors import UsageError
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams
from pipeline.inference.teacher import Teacher
from pipeline.kernels.native import NativeKernels
from pipeline.metrics.served_path import path_kl
from pipeline.models.checkpoint import Checkpoint
from tests.conftest import ROOT

SHAPE = {
    **{"hidden_size": 32, "intermediate_size": 24, "num_hidden_layers": 2, "vocab_size": 2048},
    **{"num_attention_heads": 4, "num_key_value_heads": 4, "pad_token_id": 0, "eos_token_id": 1},
    **{"num_experts_per_tok": 2, "moe_intermediate_size": 24, "head_dim": 8},
    **{"shared_expert_intermediate_size": 40, "num_local_experts": 5, "num_experts": 5},
}
FAMILIES = ("mixtral", "qwen3_moe", "olmoe", "qwen2_moe")
PROMPT, GIVEN = [5, 6, 7, 40, 41, 50], [9, 2, 88, 4, 30, 31, 1900]
KERNELS = NativeKernels(1)


@pytest.fixture(scope="module", params=FAMILIES)
def base(request, tmp_path_factory):
    """A small checkpoint of random weights, and a decoder of it in fp32."""
    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(0)
    with torch.device("cpu"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(request.param, **SHAPE))
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, mean=0.5 if "norm" in name else 0, std=0.2)
    model.save_pretrained(folder)
    shutil.copy(ROOT / "pipeline" / "assets" / "tiny" / "base" / "tokenizer.json", folder)
    checkpoint = Checkpoint.open(folder)
    return checkpoint, Decoder.load(checkpoint, "fp32", KERNELS)


def scores(model):
    with torch.no_grad():
        logits = model.eval()(torch.tensor([[*PROMPT, *GIVEN][:-1]])).logits[0]
    return logits.log_softmax(-1)[len(PROMPT) - 1 :].numpy()


def opened(base, folder, tmp_path, name="it"):
    return Adapter.open(name, folder, base[0].config, cache=tmp_path / "cache")


def ours(base, adapter):
    checkpoint, decoder = base
    packed = LoadPlan.of(adapter, checkpoint.config, "fp32", checkpoint).load(KERNELS)
    return score(decoder, packed, PROMPT, GIVEN)


def transformers_model(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def saved_today(base, folder, **values):
    """What PEFT saves of an adapter of random numbers, and what it answers."""
    model = get_peft_model(
        transformers_model(base[0].folder),
        LoraConfig(r=3, lora_alpha=6, task_type="CAUSAL_LM", **values),
    )
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    found = scores(model)
    with model.disable_adapter():
        assert np.abs(scores(model) - found).max() > 0.05
    return found


TODAYS = (
    {"target_modules": [], "target_parameters": ["gate.weight"]},
    {"target_modules": ["q_proj"], "target_parameters": ["mlp.experts.down_proj"]},
    {"target_modules": ["o_proj"], "target_parameters": ["experts.gate_up_proj"]},
    {
        "target_modules": ["v_proj"],
        "target_parameters": ["experts.gate_up_proj", "experts.down_proj", "gate.weight"],
        "rank_pattern": {r".*\.1\.mlp\.experts\.gate_up_proj": 5},
        "alpha_pattern": {r".*\.0\.mlp\.experts\.down_proj": 1},
        "use_rslora": True,
    },
    {"target_modules": ["q_proj"], "target_parameters": ["self_attn.o_proj.weight"]},
)


@pytest.mark.parametrize("values", TODAYS, ids=str)
def test_what_peft_saves_today_is_served_as_by_peft(base, tmp_path, values):
    wanted = saved_today(base, tmp_path / "it", **values)
    np.testing.assert_allclose(
        ours(base, opened(base, tmp_path / "it", tmp_path)), wanted, atol=2e-4
    )


SINGLE = (
    ["q_proj", "gate"],
    ["v_proj", "gate", "w1", "w2", "w3", "gate_proj", "up_proj", "down_proj"],
    ["k_proj", "w1", "gate_proj", "shared_expert_gate"],
    r".*layers\.1\..*experts\.[13]\.(w2|down_proj)",
)


def saved_once(base, folder, targets, scaling=2.0, **more):
    """An adapter of single modules; returns the base's tensors with it merged into them."""
    checkpoint, tensors = base[0], {}
    merged = load_file(checkpoint.folder / "model.safetensors")
    adapter = {"peft_type": "LORA", "r": 4, "lora_alpha": 4 * scaling, "target_modules": targets}
    folder.mkdir()
    (folder / CONFIG).write_text(json.dumps(adapter | {"lora_dropout": 0.1} | more))
    generator = torch.manual_seed(3)
    for name, weight in merged.items():
        module = name.removesuffix(".weight")
        if weight.dim() == 2 and is_target(adapter, module):
            a = (torch.randn(4, weight.shape[1], generator=generator) / 4).half()
            b = (torch.randn(weight.shape[0], 4, generator=generator) / 4).half()
            tensors |= {
                f"{PREFIX}{module}.lora_A.weight": a,
                f"{PREFIX}{module}.lora_B.weight": b,
            }
            merged[name] = weight + scaling * b.float() @ a.float()
    save_file(tensors, folder / WEIGHTS)
    return merged


@pytest.mark.parametrize("targets", SINGLE, ids=str)
def test_what_it_saved_of_single_experts_is_served_as_if_merged(base, tmp_path, targets):
    merged = saved_once(base, tmp_path / "it", targets)
    shutil.copytree(base[0].folder, tmp_path / "merged")
    save_file(merged, tmp_path / "merged" / "model.safetensors", {"format": "pt"})
    wanted = scores(transformers_model(tmp_path / "merged"))
    adapter = opened(base, tmp_path / "it", tmp_path)
    np.testing.assert_allclose(ours(base, adapter), wanted, atol=2e-4)
    peft = PeftModel.from_pretrained(transformers_model(base[0].folder), adapter.folder)
    np.testing.assert_allclose(scores(peft), wanted, atol=2e-4)


def test_an_expert_of_another_rank_or_scaling_is_itself(base, tmp_path):
    targets = ["w1", "w3", "gate_proj", "up_proj"]
    merged = saved_once(base, tmp_path / "it", targets, alpha_pattern={r"experts\.2\..*": 24})
    plain = load_file(base[0].folder / "model.safetensors")
    for name, weight in merged.items():
        if ".experts.2." in name:
            merged[name] = plain[name] + (weight - plain[name]) * 3
    shutil.copytree(base[0].folder, tmp_path / "merged")
    save_file(merged, tmp_path / "merged" / "model.safetensors", {"format": "pt"})
    wanted = scores(transformers_model(tmp_path / "merged"))
    adapter = opened(base, tmp_path / "it", tmp_path)
    np.testing.assert_allclose(ours(base, adapter), wanted, atol=2e-4)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"use_dora": True}, "use_dora beside adapted experts"),
        ({"modules_to_save": ["gate"]}, "experts and routers saved whole"),
        ({"r": 5}, "this model and its configuration need"),
    ],
    ids=str,
)
def test_what_isnt_served_of_them_is_refused_by_name(base, tmp_path, values, said):
    saved_once(base, tmp_path / "it", ["w2", "down_proj", "gate"], **values)
    with pytest.raises(UsageError, match=said) as refused:
        opened(base, tmp_path / "it", tmp_path)
    assert "\n" not in str(refused.value)


def test_an_expert_that_isnt_in_the_file_is_missed(base, tmp_path):
    saved_once(base, tmp_path / "it", ["w2", "down_proj"])
    tensors = load_file(tmp_path / "it" / WEIGHTS)
    tensors.pop(next(name for name in tensors if ".experts.3." in name))
    save_file(tensors, tmp_path / "it" / WEIGHTS)
    with pytest.raises(UsageError, match=r"no tensor .*experts\.3\."):
        opened(base, tmp_path / "it", tmp_path)


@pytest.mark.parametrize(("precision", "most"), [("int8", 0.02), ("int4", 0.2)])
def test_beside_few_bits_it_does_what_it_does_by_peft_and_in_company_as_alone(
    base, tmp_path, precision, most, drain
):
    """Two adapters and none in one batch; of the effect by PEFT a share is left by few bits."""
    saved_today(base, tmp_path / "whole", **TODAYS[3])
    saved_once(base, tmp_path / "single", SINGLE[1])
    adapters = {name: opened(base, tmp_path / name, tmp_path, name) for name in ("whole", "single")}
    asked = SamplingParams(max_new_tokens=len(GIVEN), ignore_eos=True)
    requests = [Request(i, name, None, PROMPT, asked) for i, name in enumerate([None, *adapters])]
    seen = {each.id: [] for each in requests}
    given = Teacher(dict.fromkeys(seen, GIVEN), lambda id_, _, row: seen[id_].append(row.copy()))
    settings = MultiloraSettings(name="multilora", precision=precision, kv_tokens=1024)
    settings.check(base[0], adapters)
    with settings.build(Serving(base[0], adapters, threads=1)) as engine:
        alone = {each.id: engine.score(each.adapter, PROMPT, GIVEN) for each in requests}
        engine.teach(given)
        drain(engine, *requests)
    bare = scores(transformers_model(base[0].folder))
    for each in requests:
        assert path_kl(alone[each.id], np.stack(seen[each.id])) < 1e-9
        if each.adapter:
            folder = adapters[each.adapter].folder
            peft = scores(PeftModel.from_pretrained(transformers_model(base[0].folder), folder))
            assert share_missing(peft - bare, alone[each.id] - alone[0]) < most


def share_missing(effect, served):
    """How far from 1 is the slope of a line through what is served of each token's change."""
    effect, served = (each - each.mean(1, keepdims=True) for each in (effect, served))
    return abs(1 - (served * effect).sum() / (effect**2).sum())
