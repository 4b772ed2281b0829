"""Quantised bases: who serves them, how large they are, and who refuses them."""

import importlib.util

import pytest

from pipeline.errors import UsageError
from pipeline.stages.build import build
from pipeline.stages.preflight import preflight

LINEAR = 3 * (2 * 256 * 256 + 2 * 256 * 128 + 3 * 256 * 768)
"""Weights of the embedded model's linear layers."""

REST = 2048 * 256 + 7 * 256
"""Its embedding, tied to the output layer, and its norms."""


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
def test_what_cannot_be_combined_is_refused_by_name(quantization, config):
    with pytest.raises(UsageError) as refusal:
        preflight([config("engine=merged", f"model.quantization={quantization}")])
    line = str(refusal.value)
    assert f"model.quantization={quantization} can't be combined with engine=merged" in line
    assert "engine=peft_hotswap" in line
    assert "\n" not in line


def test_a_missing_library_is_one_line_with_the_command(config, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "pipeline.models.quantization.find_spec",
        lambda name: None if name == "bitsandbytes" else found(name),
    )
    with pytest.raises(UsageError, match=r"python -m pip install bitsandbytes==\S+ accelerate$"):
        preflight([config("engine=peft_hotswap", "model.quantization=nf4")])
    preflight([config("model.quantization=none")])


@pytest.mark.parametrize(
    ("overrides", "bits", "scales"),
    [
        (("model.quantization=none",), 32, 0),
        (("model.quantization=none", "engine.precision=bf16"), 16, 0),
        (("model.quantization=int8",), 8, 3 * (256 + 2 * 128 + 256 + 2 * 768 + 256) * 4),
        (("model.quantization=nf4",), 4, LINEAR // 64 * 4),
    ],
)
def test_model_bytes_are_those_of_weights_and_scales(overrides, bits, scales, config, prepared):
    overrides = ("engine=peft_hotswap", "threads=1", "adapters.count=1", *overrides)
    with build(config(*overrides), prepared(*overrides)) as built:
        rest = 2 if "engine.precision=bf16" in overrides else 4
        expected = LINEAR * bits // 8 + scales + REST * rest
        assert built.figures["model_bytes"] == pytest.approx(expected, rel=0.01)
