"""From an adapter's file to its packed numbers, in one call that takes no lock."""

import json
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import CONFIG, PREFIX, WEIGHTS
from pipeline.engines.multilora.lora import LoadPlan
from pipeline.engines.multilora.sites import SITES
from pipeline.errors import UsageError
from pipeline.kernels.native import NativeKernels
from pipeline.kernels.reference import ReferenceKernels
from pipeline.models.config import ModelConfig
from pipeline.models.family import PROJECTIONS

NATIVE, REFERENCE = NativeKernels(1), ReferenceKernels()
SMALL = ModelConfig.from_config(
    {
        "model_type": "llama",
        "hidden_size": 36,
        "intermediate_size": 50,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "num_key_value_heads": 1,
        "vocab_size": 20,
        "max_position_embeddings": 32,
    },
    "test",
)
STORED = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}


def saved(folder, targets, rank, alpha, stored, seed=0, **more):
    """An adapter of random numbers in a folder, opened."""
    generator, tensors = torch.manual_seed(seed), {}
    for module, (out, in_) in SMALL.modules().items():
        if module.rsplit(".", 1)[-1] in targets:
            name = f"{PREFIX}{module}.lora_"
            for part, shape in ((f"{name}A", (rank, in_)), (f"{name}B", (out, rank))):
                numbers = torch.randn(shape, generator=generator)
                tensors[f"{part}.weight"] = numbers.to(STORED[stored])
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": alpha, "target_modules": list(targets)}
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(config | more))
    return Adapter.open("any", folder, SMALL)


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sets(st.sampled_from(PROJECTIONS), min_size=1),
    st.integers(1, 40),
    st.sampled_from(sorted(STORED)),
    st.sampled_from(["fp32", "fp16", "int8"]),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_native_and_reference_pack_the_same_bytes(
    tmp_path, targets, rank, stored, dtype, rslora, seed
):
    adapter = saved(tmp_path / "a", sorted(targets), rank, 7.0, stored, seed, use_rslora=rslora)
    plan = LoadPlan.of(adapter, SMALL, dtype)
    mine, theirs = plan.load(NATIVE), plan.load(REFERENCE)
    assert torch.equal(mine.data, theirs.data)
    assert mine.bytes == plan.bytes == mine.data.nbytes + mine.sites.nbytes


def test_what_is_packed_is_what_the_file_says(tmp_path):
    adapter = saved(tmp_path / "a", PROJECTIONS, 5, 10.0, "F32")
    tensors = load_file(adapter.folder / WEIGHTS)
    packed = LoadPlan.of(adapter, SMALL, "fp32").load(NATIVE)
    for site, projections in enumerate(SITES):
        block = "self_attn" if site < 2 else "mlp"
        inputs = SMALL.projection_shape(projections[0])[1]
        parts = list(packed.parts(len(SITES) + site, inputs))
        for part, projection in zip(parts, projections, strict=True):
            name = f"{PREFIX}model.layers.1.{block}.{projection}.lora_"
            torch.testing.assert_close(part.a, tensors[f"{name}A.weight"])
            torch.testing.assert_close(part.b, tensors[f"{name}B.weight"] * 2.0)


class Spy:
    """Stands before a library and notes the calls that go through it."""

    def __init__(self, library):
        self.library, self.calls = library, []

    def __getattr__(self, name):
        self.calls.append(name)
        return getattr(self.library, name)


def test_a_load_is_one_call_that_holds_no_lock_whatever_the_number_of_tensors(
    tmp_path, monkeypatch
):
    """Everything between two calls would hold the GIL, which a running step then waits for."""
    kernels = NativeKernels(1)
    monkeypatch.setattr(kernels, "_library", Spy(kernels._library))
    for targets in (PROJECTIONS[:1], PROJECTIONS):
        plan = LoadPlan.of(saved(tmp_path / "a", targets, 4, 8.0, "F16"), SMALL)
        kernels._library.calls.clear()
        plan.load(kernels)
        assert kernels._library.calls == ["adapter_read"]
    monkeypatch.undo()


def test_the_call_is_made_without_the_lock():
    import ctypes

    assert type(NATIVE._library) is ctypes.CDLL
    assert not NATIVE._library.adapter_read._flags_ & ctypes._FUNCFLAG_PYTHONAPI


@pytest.mark.parametrize("kernels", [NATIVE, REFERENCE])
def test_files_that_have_changed_are_refused(kernels, tmp_path):
    adapter = saved(tmp_path / "a", PROJECTIONS[:2], 4, 8.0, "F16")
    plan = LoadPlan.of(adapter, SMALL)
    whole = (adapter.folder / WEIGHTS).read_bytes()
    (adapter.folder / WEIGHTS).write_bytes(whole[:-8])
    with pytest.raises(EOFError, match="cut short"):
        plan.load(kernels)
    saved(tmp_path / "a", PROJECTIONS[:2], 5, 8.0, "F16")
    with pytest.raises(ValueError, match="isn't what it was"):
        plan.load(kernels)
    with pytest.raises(OSError, match="No such file"):
        gone = replace(adapter.lora, folder=tmp_path / "gone")
        replace(plan, adapter=replace(adapter, lora=gone)).load(kernels)


def test_numbers_of_unknown_type_are_refused_by_name(tmp_path):
    adapter = saved(tmp_path / "a", PROJECTIONS[:1], 4, 8.0, "F32")
    plan, file = LoadPlan.of(adapter, SMALL), adapter.folder / WEIGHTS
    save_file({k: v.to(torch.float8_e4m3fn) for k, v in load_file(file).items()}, file)
    with pytest.raises(ValueError, match=r"lora_A.weight is stored as F8_E4M3; use F32, F16"):
        plan.load(NATIVE)
    with pytest.raises(UsageError, match=r"lora_.\.weight is stored as F8_E4M3; save the adapter"):
        Adapter.open("any", adapter.folder, SMALL)
