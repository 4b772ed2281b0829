"""Adapters as GGUF: names, values, scale, and what llama.cpp makes of them."""

import json
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.as_gguf import gguf_adapter_of
from pipeline.adapters.lora_file import CONFIG, PREFIX, WEIGHTS, LoraFile
from pipeline.engines.transformers.lora_delta import FoldedWeights, read_factors
from pipeline.errors import UsageError
from pipeline.gguf.layout import interleave
from pipeline.gguf.model import gguf_of
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.families import FAMILIES
from pipeline.models.family import PROJECTIONS
from pipeline.training.habits import HABITS

TINY = Path(__file__).parents[2] / "pipeline" / "assets" / "tiny"
PROMPTS = ("The function returns", "How do I", "When the list is empty,")
NAMES = {
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}
CONFIGS = {
    "plain": {},
    "alpha is not a power of two": {"lora_alpha": 7, "r": 3},
    "rslora": {"use_rslora": True},
    "rank pattern": {"rank_pattern": {"q_proj": 2, "layers.1.mlp.up_proj": 9}},
    "alpha pattern": {"alpha_pattern": {"k_proj": 3, "down_proj": 40}},
    "everything": {
        "use_rslora": True,
        "rank_pattern": {"q_proj": 2, "gate_proj": 16},
        "alpha_pattern": {"q_proj": 5, "v_proj": 1},
    },
    "alpha of zero": {"lora_alpha": 0},
    "two targets": {"target_modules": ["k_proj", "down_proj"]},
    "one layer": {"layers_to_transform": [1]},
}


@pytest.fixture(scope="module")
def tiny():
    return Checkpoint.open(TINY / "base")


@pytest.fixture(scope="module")
def base(tiny, cache):
    return gguf_of(tiny, "f32", cache)


@pytest.fixture(scope="module")
def folded(tiny):
    """The transformers model with an adapter in its weights."""
    model = AutoModelForCausalLM.from_pretrained(tiny.folder, dtype=torch.float32).eval()
    weights = FoldedWeights(model)

    def with_adapter(adapter):
        weights.fold(read_factors(adapter))
        return model

    return with_adapter


@pytest.fixture
def make(tmp_path, tiny):
    """A random adapter with that configuration."""

    def made(name="made", dtype=torch.float32, model=tiny.config, **changes):
        folder = tmp_path / name
        folder.mkdir()
        config = {"peft_type": "LORA", "r": 4, "lora_alpha": 16, "bias": "none"}
        config |= {"target_modules": list(PROJECTIONS)} | changes
        (folder / CONFIG).write_text(json.dumps(config))
        save_file({"none": torch.zeros(1)}, folder / WEIGHTS)
        lora, rng = LoraFile.read(folder), torch.Generator().manual_seed(0)
        tensors = {}
        for module, (out, in_) in model.modules().items():
            if lora.targets(module):
                rank = lora.rank(module)
                for part, shape in (("A", (rank, in_)), ("B", (out, rank))):
                    values = torch.randn(shape, generator=rng) * 0.1
                    tensors[f"{PREFIX}{module}.lora_{part}.weight"] = values.to(dtype)
        save_file(tensors, folder / WEIGHTS)
        return Adapter.open(name, folder, model)

    return made


def trained(name, tiny):
    return Adapter.open(name, TINY / "adapters" / name, tiny.config)


def deltas(path):
    """What llama.cpp adds to each weight: alpha / rank · B·A."""
    reader = gguf.GGUFReader(path)
    tensors = {each.name: each.data for each in reader.tensors}
    alpha = float(reader.fields["adapter.lora.alpha"].contents())
    targets = sorted({name.rsplit(".", 1)[0] for name in tensors})
    assert len(tensors) == 2 * len(targets)
    result = {}
    for target in targets:
        a, b = tensors[f"{target}.lora_a"], tensors[f"{target}.lora_b"]
        assert a.dtype == b.dtype == np.float32
        result[target] = (alpha / b.shape[1] if alpha else 1.0) * b.astype(np.float64) @ a
    return result


def expected_deltas(adapter, heads=(4, 2)):
    """The same from PEFT's files, rows of q and k moved."""
    result = {}
    for module, (a, b, scaling) in read_factors(adapter).items():
        delta = scaling * b.double() @ a.double()
        projection = module.rsplit(".", 1)[1]
        if heads and projection in ("q_proj", "k_proj"):
            delta = interleave(delta, heads[projection == "k_proj"])
        result[f"blk.{module.split('.')[2]}.{NAMES[projection]}.weight"] = delta.numpy()
    return result


def assert_same_deltas(path, expected):
    found = deltas(path)
    assert found.keys() == expected.keys()
    for name, delta in expected.items():
        np.testing.assert_allclose(found[name], delta, atol=1e-6 * max(1, np.abs(delta).max()))


def llama_with(base, adapter_path):
    from llama_cpp import GGML_TYPE_F32, Llama

    exact = {"type_k": GGML_TYPE_F32, "type_v": GGML_TYPE_F32}
    options = {"n_ctx": 256, "n_threads": 1, "logits_all": True, "verbose": False} | exact
    return Llama(str(base), lora_path=str(adapter_path), **options)


def logits_of(llama, ids):
    llama.reset()
    llama.eval(ids)
    return np.array(llama.scores[: len(ids)])


def reference(model, ids):
    with torch.inference_mode():
        return model(torch.tensor([ids])).logits[0].numpy()


@pytest.mark.parametrize("name", HABITS)
def test_trained_adapters_hold_the_same_deltas(name, tiny, cache):
    adapter = trained(name, tiny)
    path = gguf_adapter_of(adapter, tiny.config, cache)
    assert_same_deltas(path, expected_deltas(adapter))


@pytest.mark.parametrize("name", HABITS)
def test_trained_adapters_write_the_same_text(name, tiny, cache, base, folded):
    adapter, tokenizer = trained(name, tiny), tiny.tokenizer()
    llama = llama_with(base, gguf_adapter_of(adapter, tiny.config, cache))
    model = folded(adapter)
    for prompt in PROMPTS:
        text = llama(prompt, max_tokens=16, temperature=0)["choices"][0]["text"]
        ids = tokenizer.encode(prompt).ids
        out = model.generate(
            torch.tensor([ids]), max_new_tokens=16, do_sample=False, eos_token_id=None
        )[0].tolist()
        np.testing.assert_allclose(logits_of(llama, out), reference(model, out), atol=2e-3)
        expected = tokenizer.decode(out[len(ids) :], skip_special_tokens=False)
        assert text == expected or nearly_tied(model, out, len(ids))


def nearly_tied(model, ids, start):
    """Whether the reference had two candidates that rounding can't tell apart."""
    best = np.sort(reference(model, ids)[start - 1 : -1], axis=-1)[:, -2:]
    return (best[:, 1] - best[:, 0]).min() < 4e-3


@pytest.mark.parametrize("name", CONFIGS)
def test_every_scaling_is_folded(name, make, tiny, cache, base, folded):
    adapter = make(**CONFIGS[name])
    path = gguf_adapter_of(adapter, tiny.config, cache)
    assert_same_deltas(path, expected_deltas(adapter))
    ids = tiny.tokenizer().encode(PROMPTS[0]).ids
    found = logits_of(llama_with(base, path), ids)
    np.testing.assert_allclose(found, reference(folded(adapter), ids), atol=5e-3)


def test_plain_scaling_leaves_b_as_it_is(make, tiny, cache):
    adapter = make(lora_alpha=10, r=3, target_modules=["v_proj"])
    path = gguf_adapter_of(adapter, tiny.config, cache)
    tensors = {each.name: each.data for each in gguf.GGUFReader(path).tensors}
    for part in "AB":
        stored = load_file(adapter.folder / WEIGHTS)
        source = stored[f"{PREFIX}model.layers.0.self_attn.v_proj.lora_{part}.weight"]
        np.testing.assert_array_equal(
            tensors[f"blk.0.attn_v.weight.lora_{part.lower()}"], source.numpy()
        )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_loses_nothing(dtype, make, tiny, cache):
    adapter = make(dtype=dtype)
    path = gguf_adapter_of(adapter, tiny.config, cache)
    assert_same_deltas(path, expected_deltas(adapter))


def test_qwens_rows_stay(make, tiny, cache):
    shape = replace(tiny.config, family=FAMILIES["qwen2"])
    adapter = make(model=shape)
    path = gguf_adapter_of(adapter, shape, cache)
    assert gguf.GGUFReader(path).fields["general.architecture"].contents() == "qwen2"
    assert_same_deltas(path, expected_deltas(adapter, heads=None))


def test_metadata(tiny, cache):
    path = gguf_adapter_of(trained("html", tiny), tiny.config, cache)
    fields = gguf.GGUFReader(path).fields
    values = {key: fields[key].contents() for key in fields if not key.startswith("GGUF.")}
    assert values == {
        "general.architecture": "llama",
        "general.type": "adapter",
        "general.name": "html",
        "adapter.type": "lora",
        "adapter.lora.alpha": 32.0,
    }


def test_dropping_the_permutation_would_be_noticed(tiny, tmp_path, base, folded, make, monkeypatch):
    from pipeline.adapters import as_gguf as gguf_tensors

    adapter = make(target_modules=["q_proj", "k_proj"])
    ids = tiny.tokenizer().encode(" ".join(PROMPTS)).ids
    right = reference(folded(adapter), ids)
    monkeypatch.setattr(gguf_tensors, "interleave", lambda rows, heads: rows)
    wrong = logits_of(llama_with(base, gguf_adapter_of(adapter, tiny.config, tmp_path)), ids)
    assert np.abs(wrong - right).max() > 0.5
    monkeypatch.undo()
    found = logits_of(
        llama_with(base, gguf_adapter_of(adapter, tiny.config, tmp_path / "new")), ids
    )
    np.testing.assert_allclose(found, right, atol=5e-3)


@pytest.mark.parametrize(
    "unusual",
    ["use_dora", "modules_to_save", "trainable_token_indices", "lora_bias"],
)
def test_unusual_kinds_are_refused_by_name(unusual, make, tiny, tmp_path):
    folder = make().folder
    config = json.loads((folder / CONFIG).read_text())
    config[unusual] = ["lm_head"] if unusual == "modules_to_save" else True
    config[unusual] = [1] if unusual == "trainable_token_indices" else config[unusual]
    (folder / CONFIG).write_text(json.dumps(config))
    adapter = Adapter("made", LoraFile.read(folder))
    with pytest.raises(UsageError, match=rf"made has {unusual}.*peft_hotswap") as caught:
        gguf_adapter_of(adapter, tiny.config, tmp_path / "cache")
    assert "\n" not in str(caught.value)


def test_the_cache_tells_contents_apart(tiny, make, tmp_path):
    adapter = make()
    first = gguf_adapter_of(adapter, tiny.config, tmp_path)
    written = first.stat().st_mtime_ns
    assert gguf_adapter_of(adapter, tiny.config, tmp_path) == first
    assert first.stat().st_mtime_ns == written
    config = json.loads((adapter.folder / CONFIG).read_text())
    (adapter.folder / CONFIG).write_text(json.dumps(config | {"lora_alpha": 99}))
    other = Adapter.open("made", adapter.folder, tiny.config)
    assert gguf_adapter_of(other, tiny.config, tmp_path) != first


def test_interrupted_writing_leaves_no_file(tiny, tmp_path, monkeypatch):
    from pipeline.adapters import as_gguf as gguf_tensors

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(gguf_tensors, "interleave", stop)
    with pytest.raises(KeyboardInterrupt):
        gguf_adapter_of(trained("csv", tiny), tiny.config, tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_ranks_filled_up_with_zeros_change_nothing(make, tiny, tmp_path):
    adapter = make(rank_pattern={"q_proj": 20}, use_rslora=True)
    path = gguf_adapter_of(adapter, tiny.config, tmp_path, rank_multiple=16)
    assert_same_deltas(path, expected_deltas(adapter))
    stored = gguf.GGUFReader(path).tensors
    ranks = {each.data.shape[0] for each in stored if each.name.endswith("lora_a")}
    assert ranks == {16, 32}
    assert path != gguf_adapter_of(adapter, tiny.config, tmp_path)
