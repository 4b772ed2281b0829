"""Random checkpoints: what is written piece by piece is what transformers loads."""

import pytest
import torch
from safetensors.torch import load_file
from transformers.core_model_loading import revert_weight_conversion

from pipeline.models import random_weights, synthetic
from pipeline.models.config import ModelConfig
from pipeline.models.random_weights import DEVIATION
from pipeline.models.synthetic import SyntheticModel
from pipeline.models.weight_files import SINGLE
from tests.models.edited import BASE

SMALL = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 2100,
}


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Makes a small model of that shape's family."""

    def make(shape, seed=0):
        small = synthetic.ARCHITECTURES[shape] | SMALL
        monkeypatch.setitem(synthetic.ARCHITECTURES, shape, small)
        tokenizer = BASE / "tokenizer.json"
        source = SyntheticModel(
            name="synthetic", shape=shape, seed=seed, cache=tmp_path, tokenizer=tokenizer
        )
        return source.checkpoint()

    return make


@pytest.mark.parametrize("shape", ["llama-3.1-8b", "qwen2-0.5b", "olmoe-1b-7b-4-layers"])
def test_transformers_loads_every_tensor_and_misses_none(shape, made):
    from transformers import AutoModelForCausalLM

    checkpoint = made(shape)
    model, info = AutoModelForCausalLM.from_pretrained(
        checkpoint.folder, output_loading_info=True, dtype=torch.float32
    )
    assert not any(info.values())
    assert type(model).__name__ == checkpoint.config.family.name.title() + "ForCausalLM"
    loaded = revert_weight_conversion(model, model.state_dict())
    for name, tensor in load_file(checkpoint.folder / SINGLE).items():
        assert tensor.dtype == torch.float16
        assert torch.equal(loaded[name], tensor.float())


def test_weights_are_drawn_piece_by_piece_from_the_seed(tmp_path, monkeypatch):
    model = ModelConfig.from_config(synthetic.ARCHITECTURES["llama-160m"] | SMALL, "here")
    monkeypatch.setattr(random_weights, "PIECE", 100 * SMALL["hidden_size"])
    for seed in (0, 1):
        random_weights.write_random(tmp_path / f"{seed}.safetensors", model, seed)
    first, other = (load_file(tmp_path / f"{seed}.safetensors") for seed in (0, 1))
    for name, tensor in first.items():
        if tensor.dim() == 1:
            assert (tensor == 1).all()
        else:
            assert tensor.float().std() == pytest.approx(DEVIATION, rel=0.05)
            assert len(tensor.unique(dim=0)) == len(tensor)
            assert not torch.equal(tensor, other[name])


def test_a_process_of_its_own_makes_it_so_that_its_memory_isnt_an_engines(made, monkeypatch):
    monkeypatch.setattr(random_weights, "write_random", None)
    assert load_file(made("llama-160m").folder / SINGLE)
