"""NaN in any of an adapter's matrices reaches the logits; no precision rounds it away."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import CONFIG, PREFIX, WEIGHTS, LoraFile
from pipeline.engines.multilora.assembly import score
from pipeline.engines.multilora.decoder import Decoder
from pipeline.engines.multilora.lora import LoadPlan
from pipeline.kernels.native import NativeKernels
from pipeline.kernels.reference import ReferenceKernels
from pipeline.models.family import PROJECTIONS


@pytest.mark.parametrize("kernels", [NativeKernels(1), ReferenceKernels()], ids=["native", "torch"])
@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", "fp32"), ("int8", "fp16"), ("int4", "int8")]
)
def test_nan_is_never_rounded_away(kernels, precision, dtype, tiny, tmp_path):
    decoder, shape = Decoder.load(tiny, precision, kernels), tiny.config
    said = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": list(PROJECTIONS)}
    (tmp_path / CONFIG).write_text(json.dumps(said))
    for projection in PROJECTIONS:
        tensors = {}
        for module, (out, in_) in shape.modules().items():
            tensors[f"{PREFIX}{module}.lora_A.weight"] = torch.full((4, in_), 0.01)
            tensors[f"{PREFIX}{module}.lora_B.weight"] = torch.full((out, 4), 0.01)
        broken = next(name for name in tensors if "layers.1." in name and projection in name)
        tensors[broken][1, 2] = torch.nan
        save_file(tensors, tmp_path / WEIGHTS)
        adapter = Adapter("broken", LoraFile.read(tmp_path))
        weights = LoadPlan.of(adapter, shape, dtype).load(decoder.kernels)
        scores = score(decoder, weights, [5, 6, 7], [8, 9])
        assert not np.isfinite(scores.max(axis=1)).any(), projection
