"""Every engine serves a GGUF file as its base, with adapters, as PEFT does with its numbers."""

import numpy as np
import pytest

from pipeline.adapters.adapter import Adapter
from pipeline.engines.llama_cpp.settings import LlamaCppSettings
from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.engines.settings import Serving
from pipeline.engines.transformers.peft_hotswap import PeftHotswapSettings
from pipeline.gguf.conversion import checkpoint_of
from tests.fuzz.small_adapters import make
from tests.gguf.conftest import BASE

PROMPT, GIVEN = [1, *range(300, 330)], [*range(400, 412)]
NEAR = {"fp32": 1e-3, "int8": 0.1, "file": 0.2}
"""Nats between two engines' log-probabilities of any token, by the precision of one of them."""


@pytest.mark.parametrize("name", ["MOSTLY_Q8_0", "MOSTLY_Q4_1", "MOSTLY_Q4_K_M"])
def test_adapters_on_a_file(name, quantised, tmp_path):
    """DoRA reads every row of the base's weights for its norm."""
    found = checkpoint_of(quantised(name), tmp_path)
    folders = {"sql": BASE.parent / "adapters" / "sql"}
    folders["dora"] = make(tmp_path / "dora", {"use_dora": True}, "F32", found.config)
    adapters = {each: Adapter.open(each, folders[each], found.config) for each in folders}

    def scores(settings, *names):
        serving = Serving(found, {each: adapters[each] for each in names}, threads=1)
        settings.check(found, serving.adapters)
        with settings.build(serving) as engine:
            return [engine.score(each, PROMPT, GIVEN) for each in (None, *names)]

    packed = {"name": "multilora", "cache": tmp_path / "packed"}
    fp32 = MultiloraSettings(**packed, precision="fp32")
    int8 = MultiloraSettings(**packed, precision="int8", activations="int16")
    ours = {each.precision: scores(each, "sql", "dora") for each in (fp32, int8)}
    assert not (found.folder / "model.safetensors").exists()
    llama_cpp = LlamaCppSettings(name="llama_cpp", cache=tmp_path, precision="file")
    ours["file"] = scores(llama_cpp, "sql")
    wanted = scores(PeftHotswapSettings(name="peft_hotswap"), "sql", "dora")
    assert np.abs(wanted[1] - wanted[0]).max() > 1 < np.abs(wanted[2] - wanted[0]).max()
    for precision, each in ours.items():
        pairs = zip(each, wanted, strict=False)
        assert all(np.abs(one - other).max() < NEAR[precision] for one, other in pairs)
