"""A family is one entry: Llamas of other names, served beside transformers once they are added."""

import shutil
from dataclasses import replace

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from pipeline.engines.multilora.decoder import Decoder
from pipeline.errors import UsageError
from pipeline.gguf.check import check_gguf
from pipeline.kernels.native import NativeKernels
from pipeline.models import families
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.family import FEED_FORWARD, QKV, Family, Scales
from pipeline.models.rope import RopeConfig
from pipeline.stages.preflight import preflight

SEED = Family(
    "seed_oss",
    gguf="llama",
    defaults={
        **{"max_position_embeddings": 524288, "num_key_value_heads": 8, "head_dim": 128},
        **{"attention_bias": True, "attention_out_bias": False, "mlp_bias": False},
    },
    types=dict.fromkeys(("attention_bias", "attention_out_bias", "mlp_bias"), (bool,)),
    biases={"attention_bias": QKV, "attention_out_bias": ("o_proj",), "mlp_bias": FEED_FORWARD},
)
MULTIPLIERS = {
    "embedding": "embedding_multiplier",
    "attention": "attention_multiplier",
    "residual": "residual_multiplier",
    "logits": "logits_scaling",
}
GRANITE = Family(
    "granite",
    gguf=None,
    defaults={
        **{"max_position_embeddings": 2048, "attention_bias": False, "mlp_bias": False},
        **dict.fromkeys(MULTIPLIERS.values(), 1.0),
    },
    types=dict.fromkeys(MULTIPLIERS.values(), (float, int)),
    biases={"attention_bias": (*QKV, "o_proj"), "mlp_bias": FEED_FORWARD},
    scales=MULTIPLIERS,
)
SAID = {
    "seed_oss": (SEED, {"head_dim": 16, "attention_out_bias": True}),
    "granite": (
        GRANITE,
        {
            **{"embedding_multiplier": 12.0, "attention_multiplier": 0.4},
            **{"residual_multiplier": 0.22, "logits_scaling": 0.125, "attention_bias": True},
        },
    ),
}
HALF, ODD = {"partial_rotary_factor": 0.5}, {"partial_rotary_factor": 0.99}
IDS = [5, 90, 31, 77, 204, 300, 12, 12, 64, 1001, 3, 88]


@pytest.fixture(params=SAID)
def checkpoint(request, tiny, tmp_path, monkeypatch):
    """A random model of the new family, with the embedded tokenizer."""
    family, values = SAID[request.param]
    monkeypatch.setitem(families.FAMILIES, family.name, family)
    config = AutoConfig.for_model(
        family.name,
        **{"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2},
        **{"num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 2048},
        **{"max_position_embeddings": 256, "pad_token_id": 0, **values},
    )
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(tmp_path / "base")
    shutil.copy(tiny.folder / "tokenizer.json", tmp_path / "base")
    return Checkpoint.open(tmp_path / "base")


def test_it_is_served_beside_transformers(checkpoint, drive):
    driver = drive(Decoder.load(checkpoint, "fp32", NativeKernels(1)))
    driver.add(IDS)
    for chunk in (7, len(IDS) - 8, 1):
        driver.step({0: chunk})
    model = AutoModelForCausalLM.from_pretrained(checkpoint.folder, dtype=torch.float32)
    with torch.inference_mode():
        wanted = model(input_ids=torch.tensor([IDS])).logits[0]
    assert wanted.abs().max() > 0.5
    torch.testing.assert_close(driver.result(0), wanted, atol=1e-3, rtol=1e-3)


def test_every_engine_that_can_serve_it_says_so_before_anything_starts(checkpoint, config):
    model = ("model=folder", f"model.path={checkpoint.folder}", "adapters=none")
    preflight([config(f"engine={name}", *model) for name in ("multilora", "peft_mixed", "noop")])


def test_llama_cpp_serves_it_if_the_entry_names_what_computes_it(checkpoint):
    if checkpoint.config.family.gguf:
        check_gguf(checkpoint, "f32")
    else:
        with pytest.raises(UsageError, match="'granite' can't be written as GGUF"):
            check_gguf(checkpoint, "f32")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"activation": "gelu"}, "hidden_act 'gelu'"),
        ({"rope": RopeConfig("proportional", 1e4, {})}, "rope_type 'proportional'"),
        ({"rope": replace(RopeConfig.plain(), parameters=HALF)}, "partial_rotary_factor"),
        ({"window_rope": RopeConfig("proportional", 1e4, {})}, "rope_type 'proportional'"),
        ({"rope": replace(RopeConfig.plain(), parameters=ODD, in_part=True)}, "make no pairs"),
    ],
)
def test_what_the_decoder_doesnt_compute_is_refused_by_name(changes, said, tiny):
    odd = replace(tiny, config=replace(tiny.config, **changes))
    with pytest.raises(UsageError, match=said):
        Decoder.load(odd, "fp32", NativeKernels(1))


def test_capped_logits(tiny, drive):
    logits = []
    for cap in (None, 3.0):
        capped = replace(tiny, config=replace(tiny.config, scales=Scales(logits_cap=cap)))
        driver = drive(Decoder.load(capped, "fp32", NativeKernels(1)))
        driver.add(IDS)
        driver.step({0: len(IDS)})
        logits.append(driver.result(0))
    torch.testing.assert_close(logits[1], 3 * torch.tanh(logits[0] / 3))


def test_a_sequence_for_which_the_rotary_embedding_would_change_is_refused(config, tiny):
    settings = config("engine=multilora").engine
    rope = replace(tiny.config.rope, kind="longrope", steady=40)
    changing = replace(tiny.config, rope=rope)
    settings.check_length(changing, 40)
    with pytest.raises(UsageError, match=r"41 positions, and beyond 40 .* engine=peft_mixed"):
        settings.check_length(changing, 41)
