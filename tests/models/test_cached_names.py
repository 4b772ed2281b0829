"""What is cached under a hash of a model's description is found again: the hashes stay."""

from pathlib import Path

from pipeline.adapters.synthetic import SyntheticAdapters
from pipeline.models.config import ModelConfig
from pipeline.models.synthetic import ARCHITECTURES, SyntheticModel
from tests.models.edited import BASE

FOLDERS = {
    "llama-160m": "llama-160m-7022df0b4197",
    "tinyllama-1.1b": "tinyllama-1.1b-13593d8bacaf",
    "qwen2-0.5b": "qwen2-0.5b-1c419d3dc948",
    "llama-3.1-8b": "llama-3.1-8b-56d9700c71ce",
    "olmoe-1b-7b-4-layers": "olmoe-1b-7b-4-layers-5c7aad335efa",
}


def test_synthetic_models_keep_their_folders():
    for shape in ARCHITECTURES:
        source = SyntheticModel(
            name="synthetic", shape=shape, cache=Path("c"), tokenizer=BASE / "tokenizer.json"
        )
        assert source.preview().folder == Path("c/models") / FOLDERS[shape]


def test_synthetic_adapters_keep_their_folders():
    (first, *_) = SyntheticAdapters(name="synthetic", cache=Path("c")).preview(
        ModelConfig.read(BASE)
    )
    assert first.folder == Path("c/adapters/f4d56e001193/lora-0000-r16")
