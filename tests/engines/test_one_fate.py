"""One step, one fate: an adapter that computes NaN ends its own requests, and nobody else's."""

import shutil

import pytest
from safetensors.torch import load_file, save_file

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import WEIGHTS, LoraFile
from pipeline.engines.engine import Finished, Serving
from pipeline.engines.llama_cpp.settings import Settings as LlamaCpp
from pipeline.engines.merged import Settings as Merged
from pipeline.engines.multilora.settings import Settings as Multilora
from pipeline.engines.peft_hotswap import Settings as Hotswap
from pipeline.engines.peft_mixed import Settings as Mixed
from pipeline.engines.sampling import Sampling

LLAMA = {"precision": "f32", "policy": "interleaved", "context": 256, "max_batch_size": 4}
POOL = {"kv_tokens": 256, "max_batch_size": 4, "prefill_tokens": 24}
ENGINES = {
    "peft_hotswap": (Hotswap, {}),
    "peft_mixed": (Mixed, {"max_batch_size": 4}),
    "merged": (Merged, {}),
    "llama_cpp": (LlamaCpp, LLAMA),
    **{
        f"multilora {base} {adapter}": (
            Multilora,
            POOL | {"precision": base, "adapter_precision": adapter},
        )
        for base, adapter in (("fp32", "fp32"), ("int8", "fp16"), ("int4", "fp16"))
    },
}


@pytest.fixture(scope="module")
def sick(adapters, tmp_path_factory):
    """The adapter `sql` with NaN in one row of one matrix, which was never looked at."""
    folder = tmp_path_factory.mktemp("adapters") / "sick"
    shutil.copytree(adapters["sql"].folder, folder)
    tensors = load_file(folder / WEIGHTS)
    name = next(each for each in sorted(tensors) if each.endswith("lora_B.weight"))
    tensors[name][1] = float("nan")
    save_file(tensors, folder / WEIGHTS)
    return Adapter("sick", LoraFile.read(folder))


@pytest.fixture(scope="module")
def entered(checkpoint, adapters, cache):
    """Enters an engine that has four adapters, one of them called `sick`."""

    def build(engine, sick, **sampling):
        kind, settings = ENGINES[engine]
        if kind is LlamaCpp:
            settings = settings | {"cache": cache}
        mine = {name: adapters[name] for name in ("json", "verse")} | {"sick": sick}
        serving = Serving(checkpoint, mine, Sampling(**sampling), threads=1, text=True)
        return kind(name=engine, **settings).build(serving)

    return build


@pytest.mark.parametrize(
    ("engine", "do_sample"),
    [
        *((engine, False) for engine in ENGINES),
        ("peft_mixed", True),
        ("multilora int8 fp16", True),
    ],
)
def test_nan_in_an_adapter_ends_its_own_requests_by_name(
    engine, do_sample, entered, sick, adapters, request_of, drain, outputs
):
    names = ["verse", "sick", "json", None, "sick", "verse", None, "json", "verse", None]
    asked = [request_of(i, name, 5, prompt=i) for i, name in enumerate(names)]
    with entered(engine, Adapter("sick", adapters["sql"].lora), do_sample=do_sample) as sound:
        expected = outputs(drain(sound, *asked))
    with entered(engine, sick, do_sample=do_sample) as broken:
        events = drain(broken, *asked)
        again = outputs(drain(broken, *asked))
    found, ends = outputs(events), {e.request_id: e for e in events if isinstance(e, Finished)}
    for i, name in enumerate(names):
        if name == "sick":
            assert "adapter sick: the logits of output token 0" in ends[i].error
            assert found[i] == []
        else:
            assert ends[i].error is None
            assert found[i] == expected[i]
            assert do_sample or found[i] == again[i]
