"""Random weights at a named architecture, for speed work: values don't change speed."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.files.atomic import whole_folder
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig
from pipeline.models.quantization import Quantization
from pipeline.models.source import ModelSource
from pipeline.models.weight_files import SINGLE
from pipeline.process.child import Child
from pipeline.settings import STRICT, Seed, kept

_LLAMA = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "rms_norm_eps": 1e-5,
}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama-160m": _LLAMA
    | {
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "vocab_size": 32000,
        "max_position_embeddings": 2048,
    },
    "tinyllama-1.1b": _LLAMA
    | {
        "hidden_size": 2048,
        "intermediate_size": 5632,
        "num_hidden_layers": 22,
        "num_attention_heads": 32,
        "num_key_value_heads": 4,
        "vocab_size": 32000,
        "max_position_embeddings": 2048,
    },
    "qwen2-0.5b": {
        "model_type": "qwen2",
        "architectures": ["Qwen2ForCausalLM"],
        "rms_norm_eps": 1e-6,
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "vocab_size": 151936,
        "max_position_embeddings": 32768,
        "tie_word_embeddings": True,
    },
    "olmoe-1b-7b-4-layers": {
        "model_type": "olmoe",
        "architectures": ["OlmoeForCausalLM"],
        "rms_norm_eps": 1e-5,
        "hidden_size": 2048,
        "intermediate_size": 1024,
        "num_hidden_layers": 4,
        "num_attention_heads": 16,
        "num_key_value_heads": 16,
        "num_experts": 64,
        "num_experts_per_tok": 8,
        "vocab_size": 50304,
        "max_position_embeddings": 4096,
        "eos_token_id": 50279,
        "pad_token_id": 1,
    },
    "llama-3.1-8b": _LLAMA
    | {
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
        "max_position_embeddings": 131072,
        "rope_parameters": {
            "rope_type": "llama3",
            "rope_theta": 500000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
    },
}
"""Published dimensions, as in each model's own `config.json`, but that of OLMoE's sixteen layers,
which are 7 billion weights, there are four."""

LAW = 2
"""By which a seed gives the weights; another number makes the checkpoints anew."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class SyntheticModel(ModelSource):
    """Settings: which architecture, and the seed of its weights.

    Attributes:
        name: what the user typed.
        shape: one of `ARCHITECTURES`.
        seed: of the random weights.
        quantization: how the PEFT engines store its weights.
        cache: folder in which the checkpoint is kept.
        tokenizer: the `tokenizer.json` that is widened to fit the vocabulary.
    """

    name: str
    shape: str
    cache: Path = kept()
    tokenizer: Path
    seed: Seed = 0
    quantization: Quantization = Quantization.NONE
    trained: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.shape not in ARCHITECTURES:
            raise UsageError(f"model.shape={self.shape}: use one of {', '.join(ARCHITECTURES)}")

    def preview(self) -> Checkpoint:
        """The checkpoint as it will be, or as it lies in the cache."""
        folder = self._folder()
        if folder.is_dir():
            return Checkpoint.open(folder)
        return Checkpoint(folder, self._config(), self.tokenizer)

    def checkpoint(self) -> Checkpoint:
        """The cached checkpoint; made the first time, whole or not at all.

        A process of its own makes it: what that takes of memory isn't the engine's.
        """
        folder = self._folder()
        if not folder.is_dir():
            shape, source = ARCHITECTURES[self.shape], self.tokenizer
            with Child(_make, folder, shape, self._config(), self.seed, source) as maker:
                maker.result()
        return Checkpoint.open(folder)

    def _config(self) -> ModelConfig:
        return ModelConfig.from_config(ARCHITECTURES[self.shape], f"model.shape={self.shape}")

    def tokenizer_file(self) -> Path:
        """The one that is widened: no text encodes to what is added."""
        return self.tokenizer

    def _folder(self) -> Path:
        recipe = json.dumps([ARCHITECTURES[self.shape], self.seed, self._config().recipe, LAW])
        key = hashlib.sha256(recipe.encode() + self.tokenizer.read_bytes()).hexdigest()[:12]
        return self.cache / "models" / f"{self.shape}-{key}"


def _make(
    folder: Path, architecture: Mapping[str, Any], model: ModelConfig, seed: int, tokenizer: Path
) -> None:
    with whole_folder(folder) as draft:
        _write(draft, architecture, model, seed)
        widen(tokenizer, draft, model.vocabulary)


def _write(folder: Path, architecture: Mapping[str, Any], model: ModelConfig, seed: int) -> None:
    from transformers import AutoConfig, GenerationConfig

    from pipeline.models.random_weights import write_random

    values = {"dtype": "float16", **architecture}
    config = AutoConfig.for_model(values.pop("model_type"), **values)
    config.save_pretrained(folder)
    GenerationConfig.from_model_config(config).save_pretrained(folder)
    write_random(folder / SINGLE, model, seed)


def widen(source: Path, folder: Path, vocabulary: int) -> None:
    """Write the byte-level tokenizer of `source` into `folder`, with every id below `vocabulary`.

    Ids beyond its own stand for visible fillers that no text encodes to, so that whatever a
    model with random weights generates can be decoded.
    """
    document = json.loads(source.read_text("utf-8"))
    vocab: dict[str, int] = document["model"]["vocab"]
    used = {*vocab.values(), *(token["id"] for token in document["added_tokens"])}
    vocab.update({f"<{id_}>": id_ for id_ in range(vocabulary) if id_ not in used})
    (folder / "tokenizer.json").write_text(json.dumps(document, ensure_ascii=False), "utf-8")
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2), "utf-8")
