"""Adapters that took a part of the base: converted they are served by all, else refused by all."""

from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from pipeline.errors import UsageError
from pipeline.stages.build import build
from pipeline.stages.preflight import preflight

BASE = Path(__file__).parents[2] / "pipeline" / "assets" / "tiny" / "base"
IDS, GIVEN = [5, 6, 7, 40, 41], [8, 9, 5, 40]
ENGINES = ("peft_hotswap", "peft_mixed", "merged", "llama_cpp", "multilora")
EXACT = {"llama_cpp": ("engine.precision=f32",)}


def scores(model):
    with torch.inference_mode():
        logits = model.eval()(input_ids=torch.tensor([[*IDS, *GIVEN[:-1]]])).logits[0]
    return logits[len(IDS) - 1 :].log_softmax(-1).numpy()


@pytest.fixture(scope="module", params=["pissa", "olora"])
def trained(request, tmp_path_factory):
    """What the trained model says, its adapter as PEFT saves it, and as it saves it converted."""
    torch.manual_seed(0)
    root = tmp_path_factory.mktemp(request.param)
    base = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    wanted = {"r": 4, "lora_alpha": 4, "target_modules": ["q_proj", "down_proj"]}
    model = get_peft_model(base, LoraConfig(init_lora_weights=request.param, **wanted))
    model.save_pretrained(root / "initial")
    with torch.no_grad():
        for number in model.parameters():
            if number.requires_grad:
                number.add_(torch.randn_like(number) * 0.05)
    said = scores(model)
    model.save_pretrained(root / "as_it_is" / "odd")
    model.save_pretrained(
        root / "converted" / "odd", path_initial_model_for_weight_conversion=str(root / "initial")
    )
    return request.param, said, root


@pytest.mark.parametrize("engine", ENGINES)
def test_it_is_refused_as_it_is_and_served_once_converted(engine, trained, config, prepared, cache):
    began, said, root = trained
    asked = (f"engine={engine}", *EXACT.get(engine, ()), "adapters=folder", f"paths.cache={cache}")
    with pytest.raises(UsageError, match=rf"odd.*{began}.*path_initial_model_for_weight_conv"):
        preflight([config(*asked, f"adapters.path={root}/as_it_is")])
    overrides = (*asked, f"adapters.path={root}/converted")
    settings = config(*overrides)
    preflight([settings])
    with build(settings, prepared(*overrides)) as built:
        found, bare = (built.engine.score(name, IDS, GIVEN) for name in ("odd", None))
    np.testing.assert_allclose(found, said, atol=0.02)
    plain = scores(AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32))
    np.testing.assert_allclose(bare, plain, atol=0.02)
    assert abs(said - plain).max() > 0.2
