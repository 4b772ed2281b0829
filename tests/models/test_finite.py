"""Numbers are looked at before anything starts."""

import shutil

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from pipeline.adapters.lora_file import WEIGHTS
from pipeline.errors import UsageError
from pipeline.models import finite
from pipeline.models.safetensors_file import SafetensorsFile
from pipeline.stages.preflight import preflight
from tests.conftest import ROOT

TINY = ROOT / "pipeline" / "assets" / "tiny"
TYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def asked(question, path, name="x"):
    with SafetensorsFile(path) as file:
        return question(file.tensors[name], file.read)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(TYPES),
    st.lists(st.floats(width=16) | st.just(0.0), min_size=0, max_size=40),
    st.integers(1, 5),
)
def test_it_says_what_torch_says(tmp_path, dtype, numbers, piece):
    values = torch.tensor(numbers, dtype=dtype)
    save_file({"x": values}, tmp_path / "x.safetensors")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(finite, "PIECE", 8 * piece)
        found = asked(finite.is_finite, tmp_path / "x.safetensors")
    assert found == bool(values.float().isfinite().all())


@pytest.mark.parametrize("dtype", TYPES)
def test_the_largest_and_the_smallest_numbers_are_finite(dtype, tmp_path):
    limits = min(torch.finfo(dtype), torch.finfo(torch.float32), key=lambda each: each.max)
    extremes = torch.tensor([limits.max, -limits.max, limits.tiny, 0.0, -0.0], dtype=dtype)
    save_file({"x": extremes}, tmp_path / "x.safetensors")
    assert asked(finite.is_finite, tmp_path / "x.safetensors")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_what_float16_has_no_number_for_is_told_to_the_last_bit(dtype, tmp_path):
    last = torch.tensor([-65504.0, 65504.0], dtype=dtype)
    last = torch.where(last.double().abs() > 65504, torch.zeros_like(last), last)
    more = torch.nextafter(torch.tensor([65504.0], dtype=dtype), torch.tensor([1e9]).to(dtype))
    save_file({"last": last, "more": more}, tmp_path / "x.safetensors")
    assert asked(finite.fits_f16, tmp_path / "x.safetensors", "last")
    assert asked(finite.fits_f16, tmp_path / "x.safetensors", "more") == (dtype == torch.float16)


@pytest.mark.parametrize("fault", [torch.nan, torch.inf])
@pytest.mark.parametrize("engine", ["multilora", "peft_hotswap"])
def test_an_adapter_that_isnt_finite_is_refused_before_anything_starts(
    engine, fault, tmp_path, config
):
    shutil.copytree(TINY / "adapters", tmp_path / "adapters")
    file = tmp_path / "adapters" / "json" / WEIGHTS
    tensors = load_file(file)
    name = sorted(tensors)[-1]
    tensors[name][0, 0] = fault
    save_file(tensors, file)
    asked = config(f"engine={engine}", "adapters=folder", f"adapters.path={tmp_path}/adapters")
    with pytest.raises(UsageError, match=rf"json/{WEIGHTS}: {name} holds NaN or infinity"):
        preflight([asked])


def test_a_base_that_isnt_finite_is_refused_before_anything_starts(tmp_path, config):
    shutil.copytree(TINY / "base", tmp_path / "base")
    file = tmp_path / "base" / "model.safetensors"
    tensors = load_file(file)
    tensors["model.norm.weight"][3] = torch.nan
    save_file(tensors, file)
    asked = config("model=folder", f"model.path={tmp_path}/base")
    with pytest.raises(UsageError, match=r"model\.norm\.weight holds NaN or infinity"):
        preflight([asked])
