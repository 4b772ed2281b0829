"""Adapters by whatever names they were saved: each is served as PEFT serves the one it saved."""

import json
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.as_gguf import gguf_adapter_of
from pipeline.adapters.dialects.base_copies import check_copies
from pipeline.adapters.dialects.peft_names import PeftName
from pipeline.adapters.folder import FolderAdapters
from pipeline.adapters.lora_file import CONFIG, PREFIX, WEIGHTS
from pipeline.engines.multilora.lora import LoadPlan
from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.engines.transformers.peft_hotswap import PeftHotswapSettings
from pipeline.errors import UsageError
from pipeline.kernels.reference import ReferenceKernels
from pipeline.models.checkpoint import Checkpoint
from tests.fuzz.peft_answers import NotWhole, PeftAnswers
from tests.fuzz.small_adapters import SEVEN, make
from tests.fuzz.small_checkpoints import make as make_checkpoint

PROMPT = (5, 6, 7, 40, 41)
PLAIN = {
    "target_modules": SEVEN,
    "rank_pattern": {r".*\.1\.self_attn\.[qk]_proj": 2},
    "alpha_pattern": {"(up|down)_proj": 3},
}
VALUES = {
    "plain": PLAIN,
    "dora": {"use_dora": True},
    "biases": {"lora_bias": True},
    "whole": {"modules_to_save": ["lm_head", "norm"]},
    "tokens": {"trainable_token_indices": [3, 40]},
}
MARK = re.compile(r"\.(lora_[AB]|lora_magnitude_vector|trainable_tokens_delta)")


def named(name, adapter):
    """As the state of the whole model has it: the adapter's own name within."""
    inner, found = MARK.subn(rf".\1.{adapter}", name)
    if not found:
        module, _, kind = name.rpartition(".")
        return f"{module}.modules_to_save.{adapter}.{kind}"
    return f"{inner}.weight" if inner.endswith(f"vector.{adapter}") else inner


RENAMED = {
    "without a prefix": lambda name: name.removeprefix(PREFIX),
    "of the decoder alone": lambda name: name.replace(f"{PREFIX}model.", PREFIX),
    "bare": lambda name: name.removeprefix(PREFIX).removeprefix("model."),
    "compiled": lambda name: f"_orig_mod.{name}",
    "compiled within": lambda name: name.replace(PREFIX, "base_model.model._orig_mod."),
    "layer by layer": lambda name: name.replace(".self_attn", "._orig_mod.self_attn"),
    "sharded": lambda name: name.replace("self_attn", "_fsdp_wrapped_module.self_attn"),
    "checkpointed": lambda name: name.replace("layers.1", "layers.1._checkpoint_wrapped_module"),
    "parallel": lambda name: f"module.{name}",
    "default": lambda name: named(name, "default"),
    "another's name": lambda name: named(name, "lora"),
    "of a model that sees": lambda name: name.replace(
        f"{PREFIX}model.", f"{PREFIX}model.language_model."
    ),
    "as once": lambda name: name.replace(PREFIX, f"{PREFIX}language_model."),
    "all at once": lambda name: f"module._orig_mod.{named(name, 'default')}",
}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return Checkpoint.open(make_checkpoint("llama", tmp_path_factory.mktemp("base") / "it"))


@pytest.fixture(scope="module")
def peft(base):
    return PeftAnswers(base.folder)


@pytest.fixture
def saved(tmp_path, base):
    """Writes an adapter as PEFT does, and then with other tensors and entries."""

    def written(change=lambda tensors: tensors, values=PLAIN, **said):
        original = make(tmp_path / "saved by PEFT", values, "F16", base.config)
        other = make(tmp_path / "it", values, "F16", base.config)
        save_file(change(load_file(original / WEIGHTS)), other / WEIGHTS)
        config = json.loads((other / CONFIG).read_text()) | said
        (other / CONFIG).write_text(json.dumps(config))
        return original, other

    return written


@pytest.fixture
def opened(tmp_path, base):
    return lambda folder: Adapter.open("it", folder, base.config, tmp_path / "cache")


def renaming(how):
    return lambda tensors: {RENAMED[how](name): each for name, each in tensors.items()}


def same(adapter, original, peft, base, tmp_path):
    """The engines' ways: PEFT's own reading of the folder, the native layout, a GGUF file."""
    assert torch.equal(
        *(torch.from_numpy(peft.logits(each, PROMPT)) for each in (adapter.folder, original))
    )
    theirs = Adapter.open("it", original, base.config)
    if not theirs.lora.unusual():
        kernels = ReferenceKernels()
        mine, other = (LoadPlan.of(each, base.config).load(kernels) for each in (adapter, theirs))
        assert torch.equal(mine.data, other.data)
        files = [gguf_adapter_of(each, base.config, tmp_path) for each in (adapter, theirs)]
        assert files[0].read_bytes() == files[1].read_bytes()
    return True


ALL_KINDS = [(how, kind) for how in ("all at once", "another's name") for kind in VALUES]


@pytest.mark.parametrize(
    ("how", "kind"), [*((how, "plain") for how in RENAMED if "all" not in how), *ALL_KINDS]
)
def test_names_of_others(how, kind, saved, opened, peft, base, tmp_path):
    original, other = saved(renaming(how), VALUES[kind])
    if how == "compiled" and kind == "plain":
        with pytest.raises(NotWhole, match="lora_A"):  # PEFT warns, and serves the base alone
            peft.logits(other, PROMPT)
    adapter = opened(other)
    assert adapter.folder != other and adapter.folders == (adapter.folder, other)
    assert same(adapter, original, peft, base, tmp_path)
    assert opened(other).folder == adapter.folder  # from the cache


def test_pefts_own_stays_where_it_is(saved, opened):
    _, other = saved()
    assert opened(other).folders == (other,)


def turned(original):
    """The tensors of an adapter as MLX has them, where scale and rank are one for all."""
    tensors, parts = {}, {"lora_A.weight": "lora_a", "lora_B.weight": "lora_b"}
    for name, each in load_file(original / WEIGHTS).items():
        module, _, part = name.removeprefix(PREFIX).rpartition(".lora_")
        key = parts.get(f"lora_{part}", "m")
        tensors[f"{module}.{key}"] = each.T.contiguous()
    return tensors


def mlx(folder, tensors, **more):
    """An adapter as MLX saves it."""
    folder.mkdir()
    save_file(tensors, folder / "adapters.safetensors")
    said = {"rank": 4, "scale": 2.0, "dropout": 0.0, "keys": ["self_attn.q_proj"]}
    config = {"model": "x", "num_layers": 16, "fine_tune_type": "lora", "lora_parameters": said}
    said |= more.pop("lora_parameters", {})
    (folder / CONFIG).write_text(json.dumps(config | more))
    return folder


@pytest.mark.parametrize(("values", "kind"), [({"target_modules": SEVEN}, "lora"),
                                              ({"use_dora": True}, "dora")])  # fmt: skip
def test_mlx(values, kind, saved, opened, peft, base, tmp_path):
    original, _ = saved(values=values)
    adapter = opened(mlx(tmp_path / "mlx", turned(original), fine_tune_type=kind))
    assert same(adapter, original, peft, base, tmp_path)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"fine_tune_type": "full"}, "fine_tune_type is 'full'.*mlx_lm.fuse"),
        ({"lora_parameters": {"alpha": 16}}, "alpha beside scale"),
        ({"lora_parameters": {"scale": float("nan")}}, "scale is nan"),
        ({"lora_parameters": {"rank": 0}}, "rank is 0"),
        ({"lora_parameters": {"rank": 5}}, "rank 4, .* says 5"),
        ({"lora_parameters": {"scale": 1e300}}, "float32 has no number"),
    ],
)
def test_what_mlx_leaves_open_is_refused(more, said, saved, opened, tmp_path):
    original, _ = saved(values={})
    with pytest.raises(UsageError, match=said):
        opened(mlx(tmp_path / "mlx", turned(original), **more))


@pytest.mark.parametrize("name", ["x", "", "module", "_orig_mod", "base_model.model"])
def test_a_tensor_of_mlx_that_names_no_module_is_refused(name, opened, tmp_path):
    folder = mlx(tmp_path / "mlx", {name: torch.zeros(4, 4)})
    with pytest.raises(UsageError, match=f"tensor {name} isn't of an MLX adapter"):
        opened(folder)


def copied(base, *names, change=lambda tensor: tensor):
    """The base's own tensors, beside the adapter's."""
    weights = {k: v for path in base.weights.files for k, v in load_file(path).items()}

    def with_copies(tensors):
        for name, own in names:
            tensors[f"{PREFIX}{name}"] = change(weights[own])
        return tensors

    return with_copies


ALONG = [("lm_head.weight", "lm_head.weight"),
         ("model.embed_tokens.weight", "model.embed_tokens.weight"),
         ("model.embed_tokens.base_layer.weight", "model.embed_tokens.weight"),
         ("lm_head.original_module.weight", "lm_head.weight"),
         ("model.layers.0.self_attn.q_proj.base_layer.weight",
          "model.layers.0.self_attn.q_proj.weight")]  # fmt: skip


@pytest.mark.parametrize("pair", ALONG, ids=lambda pair: pair[0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_bases_own_beside_it_is_left_out(pair, dtype, saved, opened, peft, base, tmp_path):
    original, other = saved(copied(base, pair, change=lambda each: each.to(dtype)))
    adapter = opened(other)
    check_copies(adapter.lora, base)
    assert same(adapter, original, peft, base, tmp_path)


@pytest.mark.parametrize("pair", ALONG, ids=lambda pair: pair[0])
def test_one_that_was_trained_is_refused(pair, saved, opened, base):
    _, other = saved(copied(base, pair, change=lambda each: each * 1.01))
    with pytest.raises(UsageError, match=rf"{pair[1]} along, with other numbers") as refused:
        check_copies(opened(other).lora, base)
    assert str(other) in str(refused.value)


def test_biases_in_the_place_of_the_bases_are_none_of_its_copies(tmp_path):
    qwen = Checkpoint.open(make_checkpoint("qwen2", tmp_path / "qwen"))
    model = AutoModelForCausalLM.from_pretrained(qwen.folder, dtype=torch.float32)
    config = LoraConfig(r=2, target_modules=["q_proj"], bias="lora_only")
    get_peft_model(model, config).save_pretrained(tmp_path / "it")
    found = Adapter.open("it", tmp_path / "it", qwen.config)
    assert found.lora.unusual() == ["bias"] and not found.lora.copies
    refused = r"can't serve it \(bias\); use engine=multilora"
    with pytest.raises(UsageError, match=refused):
        PeftHotswapSettings(name="peft_hotswap").check(qwen, {"it": found})
    MultiloraSettings(name="multilora").check(qwen, {"it": found})
    config.modules_to_save = ["lm_head"]
    get_peft_model(model, config).save_pretrained(tmp_path / "whole")
    with pytest.raises(UsageError, match="bias='lora_only' beside modules_to_save, which no"):
        Adapter.open("whole", tmp_path / "whole", qwen.config)


def test_so_is_one_of_another_size(saved, opened, base):
    _, other = saved(copied(base, ALONG[0], change=lambda each: each[:-1]))
    with pytest.raises(UsageError, match=r"as \[287, 32\], this model's is \[288, 32\]"):
        opened(other)


def test_two_adapters_in_a_file_or_one_tensor_twice_are_refused(saved, opened):
    def both(tensors):
        return {named(name, each): t.clone() for name, t in tensors.items() for each in ("a", "b")}

    with pytest.raises(UsageError, match="both PEFT's"):
        opened(saved(both)[1])

    def divided(tensors):
        return {named(name, "ab"["q_proj" in name]): each for name, each in tensors.items()}

    with pytest.raises(UsageError, match="adapters 'a' and 'b'"):
        opened(saved(divided)[1])


def test_nan_is_said_of_the_file_that_holds_it(saved, opened):
    _, other = saved(lambda tensors: {f"_orig_mod.{n}": t * torch.nan for n, t in tensors.items()})
    with pytest.raises(UsageError, match=re.escape(str(other)) + ".*NaN"):
        opened(other).check_numbers()


def test_a_folder_that_is_an_adapter_is_one(saved, base, tmp_path, monkeypatch):
    _, other = saved()
    make(other / "checkpoint-10", {}, "F16", base.config)
    asked = FolderAdapters(name="folder", path=other)
    assert [each.name for each in asked.adapters(base.config)] == ["it"]
    monkeypatch.chdir(other)
    assert FolderAdapters(name="folder", path=Path(".")).names() == ("it",)
    assert FolderAdapters(name="folder", path=tmp_path).names() == ("it", "saved by PEFT")


@given(st.text(max_size=60) | st.lists(st.sampled_from(
    ["base_model", "model", "module", "_orig_mod", "layers", "0", "lora_A", "weight", "default",
     "base_layer", "modules_to_save", "token_adapter", "", "language_model", "bias"]
)).map(".".join))  # fmt: skip
def test_any_name_has_one_in_peft_which_is_its_own(stored):
    once = PeftName.of(stored)
    again = PeftName.of(f"{PREFIX}{once.tensor}")
    if once.adapter is None and not once.original and once.module:
        assert again.tensor == once.tensor
