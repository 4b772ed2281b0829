"""DoRA and biases of B in a mixed step, against PEFT with one adapter alone."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from pipeline.adapters.adapter import Adapter
from pipeline.engines.multilora.decoder import Decoder
from pipeline.engines.multilora.lora import LoadPlan
from pipeline.engines.transformers.lora_delta import (
    FoldedWeights,
    read_factors,
    read_magnitudes,
)
from pipeline.kernels.native import NativeKernels
from pipeline.kernels.reference import ReferenceKernels
from pipeline.models.checkpoint import Checkpoint
from tests.fuzz.small_checkpoints import CONFIG, make

SAID = {
    "dora": {"use_dora": True, "use_rslora": True},
    "dora of some": {"use_dora": True, "target_modules": ["q_proj", "up_proj"]},
    "bias": {"lora_bias": True},
    "head": {"target_modules": ["lm_head", "o_proj"]},
    "dora of the head": {"target_modules": ["lm_head"], "use_dora": True},
    "embedding": {"target_modules": ["embed_tokens", "o_proj"], "lora_alpha": 3},
    "embedding alone": {"target_modules": ["embed_tokens"]},
    "both tables": {"target_modules": ["lm_head", "embed_tokens"]},
    "trained biases": {"bias": "all", "target_modules": ["q_proj", "o_proj"]},
    "trained biases alone": {"bias": "all", "target_modules": ["down_proj"]},
    "trained biases and dora": {"bias": "lora_only", "use_dora": True},
    "whole head": {"modules_to_save": ["lm_head"], "target_modules": ["o_proj"]},
    "whole embedding": {"modules_to_save": ["embed_tokens"], "target_modules": ["o_proj"]},
    "whole matrices": {"modules_to_save": ["down_proj"], "target_modules": ["o_proj"]},
    "whole narrow matrices": {"modules_to_save": ["1.self_attn.v_proj"], "use_dora": True,
                              "target_modules": ["q_proj", "lm_head"]},
    "plain": {},
}  # fmt: skip
IDS = [5, 6, 7, 40, 41, 8, 9, 100, 3]


SCALED = {
    "phi3": {},
    "gemma3_text": {"head_dim": 16, "query_pre_attn_scalar": 30, "final_logit_softcapping": 9.0},
    "granite": {"embedding_multiplier": 12.0, "logits_scaling": 0.5, "residual_multiplier": 0.22},
}


@pytest.fixture(scope="module", params=["llama", "qwen2", *SCALED])
def base(request, tmp_path_factory):
    """Qwen2's projections have biases, Phi-3's are stored as one, the others scale their tables."""
    folder = tmp_path_factory.mktemp("base") / "it"
    if request.param not in SCALED:
        return Checkpoint.open(make(request.param, folder))
    torch.manual_seed(0)
    make("llama", folder)
    kept = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    ids = ("vocab_size", "bos_token_id", "eos_token_id", "pad_token_id", "num_key_value_heads")
    said = {key: CONFIG[key] for key in kept + ids} | {"initializer_range": 0.3}
    config = AutoConfig.for_model(request.param, **said, **SCALED[request.param])
    AutoModelForCausalLM.from_config(config).float().save_pretrained(folder)
    return Checkpoint.open(folder)


@pytest.fixture(scope="module")
def saved(base, tmp_path_factory):
    """Adapters that PEFT has saved, and the logits that it gave with each."""
    root, found = tmp_path_factory.mktemp("adapters"), {}
    for number, (name, said) in enumerate(SAID.items()):
        torch.manual_seed(number)
        model = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32)
        wanted = {"r": 4, "lora_alpha": 6, "target_modules": [*base.config.family.projections]}
        wanted |= said
        if base.config.family.name == "phi3" and "q_proj" in said.get("target_modules", ()):
            wanted["target_modules"] = ["qkv_proj", "gate_up_proj"]
        model = get_peft_model(model, LoraConfig(**wanted)).eval()
        with torch.inference_mode():
            for key, number_ in model.named_parameters():
                trained = number_.requires_grad and "bias" in said
                if "lora_" in key or "modules_to_save" in key or trained:
                    by = 0.3 if "magnitude" in key else 0.1
                    number_.add_(torch.randn_like(number_) * by)
            model.save_pretrained(root / name)
            found[name] = model(input_ids=torch.tensor([IDS])).logits[0]
    opened = {name: Adapter.open(name, root / name, base.config) for name in SAID}
    trains = [name for name, each in opened.items() if "bias" in each.lora.unusual()]
    assert trains == [name for name in SAID if base.config.biased and name.startswith("trained")]
    return opened, found


@pytest.mark.parametrize("kernels", [NativeKernels(2), ReferenceKernels()], ids=["native", "plain"])
def test_a_mixed_step_gives_each_what_peft_gives_it(kernels, base, saved, drive):
    adapters, expected = saved
    decoder = Decoder.load(base, "fp32", kernels)
    driver = drive(decoder)
    for adapter in adapters.values():
        plan = LoadPlan.of(adapter, base.config, "fp32", base)
        driver.add(IDS, plan.load(kernels))
    driver.add(IDS, None)
    for chunk in (4, 1, 4):
        driver.step(dict.fromkeys(range(len(adapters) + 1), chunk))
    for index, name in enumerate(adapters):
        torch.testing.assert_close(driver.result(index), expected[name], atol=2e-3, rtol=1e-3)
    plain = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        alone = plain(input_ids=torch.tensor([IDS])).logits[0]
    torch.testing.assert_close(driver.result(len(adapters)), alone, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("name", ["both tables", "dora of the head"])
def test_a_row_is_the_same_to_the_bit_in_any_company(name, base, saved, drive):
    decoder = Decoder.load(base, "fp32", NativeKernels(2))
    plans = [LoadPlan.of(each, base.config, "fp16", base) for each in saved[0].values()]
    loaded = dict(zip(saved[0], (plan.load(decoder.kernels) for plan in plans), strict=True))
    assert [each.bytes for each in loaded.values()] == [plan.bytes for plan in plans]
    alone, together = drive(decoder), drive(decoder)
    alone.add(IDS, loaded[name])
    alone.step({0: len(IDS)})
    for other in [*loaded.values(), None]:
        together.add(IDS, other)
    index = [*loaded].index(name)
    for chunk in (1, 5, 3):
        together.step(dict.fromkeys(range(len(loaded) + 1), chunk))
    assert torch.equal(alone.result(0), together.result(index))


@pytest.mark.parametrize("name", ["dora", "dora of some", "plain"])
def test_folded_into_the_weights_it_is_pefts_too(name, base, saved):
    adapters, expected = saved
    model = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32).eval()
    weights = FoldedWeights(model)
    with torch.inference_mode():
        before = model(input_ids=torch.tensor([IDS])).logits[0]
        weights.fold(read_factors(adapters[name]), read_magnitudes(adapters[name]))
        found = model(input_ids=torch.tensor([IDS])).logits[0]
        weights.fold({})
        after = model(input_ids=torch.tensor([IDS])).logits[0]
    torch.testing.assert_close(found, expected[name], atol=2e-3, rtol=1e-3)
    assert torch.equal(before, after)


def test_without_its_base_none_is_loaded(base, saved):
    plan = LoadPlan.of(saved[0]["dora"], base.config)
    with pytest.raises(ValueError, match="argument"):
        plan.load(ReferenceKernels())
