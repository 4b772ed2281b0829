"""The decoder against transformers, with every request its own adapter."""

import shutil

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from pipeline.engines.multilora.decoder import Decoder
from pipeline.engines.multilora.lora import LoadPlan
from pipeline.engines.transformers.lora_delta import FoldedWeights, read_factors
from pipeline.kernels.native import NativeKernels
from pipeline.models.checkpoint import Checkpoint


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


FAMILIES = {
    "qwen2": {},
    "qwen3": {"head_dim": 24},
    "mistral": {"sliding_window": 9},
    "llama": {
        "attention_bias": True,
        "mlp_bias": True,
        "rope_parameters": {
            "rope_type": "llama3",
            "rope_theta": 500000.0,
            "factor": 4.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 16,
        },
    },
}


@pytest.mark.parametrize("family", FAMILIES)
def test_families(family, tiny, tmp_path, drive, ids):
    config = AutoConfig.for_model(
        family,
        hidden_size=72,
        intermediate_size=100,
        num_hidden_layers=2,
        num_attention_heads=6,
        num_key_value_heads=2,
        vocab_size=130,
        max_position_embeddings=64,
        **FAMILIES[family],
    )
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(tmp_path)
    shutil.copy(tiny.folder / "tokenizer.json", tmp_path)
    checkpoint = Checkpoint.open(tmp_path)
    driver = drive(Decoder.load(checkpoint, "fp32", NativeKernels(2)))
    driver.add(ids(30, checkpoint.config, 0))
    for chunk in (11, 7, 11, 1):
        driver.step({0: chunk})
    with torch.inference_mode():
        wanted = model(input_ids=torch.tensor([driver.sequences[0].ids])).logits[0]
    torch.testing.assert_close(driver.result(0), wanted, atol=1e-3, rtol=1e-3)
