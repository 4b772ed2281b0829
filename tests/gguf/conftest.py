"""What the tests of GGUF share: the embedded model, small random ones, and llama.cpp's answers."""

import shutil
from pathlib import Path

import gguf
import numpy as np
import pytest

from pipeline.gguf.model import gguf_of
from pipeline.models.checkpoint import Checkpoint

BASE = Path(__file__).parents[2] / "pipeline" / "assets" / "tiny" / "base"
SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 2048,
    "max_position_embeddings": 512,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}


@pytest.fixture(scope="session")
def tiny():
    return Checkpoint.open(BASE)


@pytest.fixture
def random_checkpoint(tmp_path):
    """Makes a small random checkpoint with the embedded tokenizer."""

    def made(family, tokenizer=BASE / "tokenizer.json", dtype="float32", **values):
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM

        torch.manual_seed(0)
        config = AutoConfig.for_model(family, **(SHAPE | values))
        model = AutoModelForCausalLM.from_config(config).to(getattr(torch, dtype))
        for name, parameter in model.named_parameters():
            if name.endswith("bias") or "norm" in name:
                torch.nn.init.normal_(parameter, mean=0.5, std=0.5)
            else:
                torch.nn.init.normal_(parameter, std=0.1)
        folder = tmp_path / family
        model.save_pretrained(folder)
        shutil.copy(tokenizer, folder / "tokenizer.json")
        return Checkpoint.open(folder)

    return made


@pytest.fixture(scope="session")
def llama_logits():
    """Logits of every position, as llama.cpp computes them with a float32 cache."""

    def logits(path, ids):
        from llama_cpp import GGML_TYPE_F32, Llama

        exact = {"type_k": GGML_TYPE_F32, "type_v": GGML_TYPE_F32}
        llama = Llama(str(path), logits_all=True, n_ctx=512, n_threads=1, verbose=False, **exact)
        llama.eval(ids)
        return np.array(llama.scores[: len(ids)])

    return logits


@pytest.fixture(scope="session")
def reference_logits():
    """Logits of every position, as transformers computes them in float32."""

    def logits(folder, ids):
        import torch
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        with torch.inference_mode():
            return model(torch.tensor([ids])).logits[0].numpy()

    return logits


@pytest.fixture(scope="session")
def quantised(tiny, cache, tmp_path_factory):
    """The embedded model as llama.cpp itself quantises it."""

    def made(name):
        import llama_cpp
        from llama_cpp._logger import set_verbose

        set_verbose(False)
        path = tmp_path_factory.mktemp("quantised") / f"{name}.gguf"
        params = llama_cpp.llama_model_quantize_default_params()
        params.ftype = int(gguf.LlamaFileType[name])
        source = str(gguf_of(tiny, "f32", cache)).encode()
        assert llama_cpp.llama_model_quantize(source, str(path).encode(), params) == 0
        return path

    return made


@pytest.fixture(scope="session")
def q8(quantised):
    return quantised("MOSTLY_Q8_0")
