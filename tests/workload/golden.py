"""Prints hashes of a fixed workload; run by other Pythons too, with or without pydantic.

Without pydantic its validation is replaced by nothing: what is drawn doesn't depend on it.
"""

import dataclasses
import hashlib
import json
import sys
import types
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))


class Anyone:
    """Takes whatever it is given."""

    def __init__(self, *_, **__):
        pass


class Anything(types.ModuleType):
    """A module each of whose names is `Anyone`, save those given."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anyone


def pretend():
    """Put a pydantic in place that checks nothing."""
    sys.modules["pydantic"] = fake = Anything("pydantic")
    fake.Field = lambda **_: dataclasses.MISSING
    fake.ConfigDict = dict
    sys.modules["pydantic.dataclasses"] = part = Anything("pydantic.dataclasses")
    part.dataclass = lambda config, **settings: dataclasses.dataclass(**settings)


try:
    import pydantic  # noqa: F401
except ImportError:
    pretend()

from pipeline.workload.arrivals.batch import ClosedBatches  # noqa: E402
from pipeline.workload.arrivals.concurrency import Concurrency  # noqa: E402
from pipeline.workload.arrivals.ramp import Ramp  # noqa: E402
from pipeline.workload.arrivals.renewal import Constant, Gamma, Poisson  # noqa: E402
from pipeline.workload.arrivals.replay import StampedArrivals  # noqa: E402
from pipeline.workload.azure import Azure  # noqa: E402
from pipeline.workload.generated import Generated  # noqa: E402
from pipeline.workload.lengths.fixed import Fixed  # noqa: E402
from pipeline.workload.lengths.from_file import FromFile  # noqa: E402
from pipeline.workload.lengths.lognormal import Lognormal  # noqa: E402
from pipeline.workload.lengths.scaled import Scaled  # noqa: E402
from pipeline.workload.lengths.uniform import UniformLengths  # noqa: E402
from pipeline.workload.mooncake import Mooncake  # noqa: E402
from pipeline.workload.popularity.distinct import Distinct  # noqa: E402
from pipeline.workload.popularity.drift import Drift  # noqa: E402
from pipeline.workload.popularity.identical import Identical  # noqa: E402
from pipeline.workload.popularity.punica_uniform import PunicaUniform  # noqa: E402
from pipeline.workload.popularity.punica_zipf import PunicaZipf  # noqa: E402
from pipeline.workload.popularity.round_robin import RoundRobin  # noqa: E402
from pipeline.workload.popularity.sglang_geometric import SglangGeometric  # noqa: E402
from pipeline.workload.popularity.slora_power import SloraPower  # noqa: E402
from pipeline.workload.popularity.tenants import Tenant, Tenants  # noqa: E402
from pipeline.workload.popularity.uniform import Uniform  # noqa: E402
from pipeline.workload.popularity.zipf import Zipf  # noqa: E402
from pipeline.workload.prompts.builtin import Builtin  # noqa: E402
from pipeline.workload.prompts.given import Given  # noqa: E402
from pipeline.workload.prompts.jsonl import Jsonl  # noqa: E402
from pipeline.workload.prompts.random_sized import RandomSized  # noqa: E402
from pipeline.workload.prompts.shared_prefix import SharedPrefix  # noqa: E402
from pipeline.workload.prompts.sharegpt import ShareGpt  # noqa: E402
from pipeline.workload.prompts.sized import Sized  # noqa: E402
from pipeline.workload.replay import ReplayedTrace as TraceReplay  # noqa: E402, F401
from pipeline.workload.seeds import Seeds  # noqa: E402

DATA = Path(__file__).with_name("data")
ADAPTERS = [f"adapter-{index}" for index in range(8)]
MORE_ADAPTERS = [f"adapter-{index}" for index in range(16)]
ZIPF = Zipf(name="zipf", alpha=1.0)
OPEN = {"requests": 64, "rate": 2.0, "rescale": False}
POPULARITIES = {
    **{f"zipf {alpha}": Zipf(name="zipf", alpha=alpha) for alpha in (0.0, 0.7, 1.0, 1.3)},
    "uniform": Uniform(name="uniform"),
    "round_robin": RoundRobin(name="round_robin"),
    "distinct": Distinct(name="distinct"),
    "identical": Identical(name="identical"),
    "slora_power": SloraPower(name="slora_power", alpha=0.3),
    "punica_zipf": PunicaZipf(name="punica_zipf", alpha=1.5),
    "punica_uniform": PunicaUniform(name="punica_uniform"),
    "sglang_geometric": SglangGeometric(name="sglang_geometric", alpha=1.5),
    "drift": Drift(name="drift", base=ZIPF, every=20),
    "tenants": Tenants(
        name="tenants",
        tenants={
            "large": Tenant(share=3.0, popularity=ZIPF, first=0, count=4),
            "small": Tenant(share=1.0, popularity=Uniform(name="uniform"), first=3),
        },
    ),
}
ARRIVALS = {
    "batch": ClosedBatches(name="batch", batch_size=8, iterations=20),
    "concurrency": Concurrency(name="concurrency", concurrency=4, requests=64),
    "constant": Constant(name="constant", **OPEN),
    "poisson": Poisson(name="poisson", **OPEN),
    "poisson rescaled": Poisson(name="poisson", **{**OPEN, "rescale": True}),
    "gamma 0.5": Gamma(name="gamma", cv=0.5, **OPEN),
    "gamma 3": Gamma(name="gamma", cv=3.0, **OPEN),
    "ramp": Ramp(name="ramp", start_rate=1.0, end_rate=9.0, requests=64),
    "replay": StampedArrivals(name="replay", path=DATA / "stamps.txt"),
}
LENGTHS = {
    "uniform": UniformLengths(name="uniform", low=8, high=24),
    "fixed": Fixed(name="fixed", max_new_tokens=24),
    "lognormal": Lognormal(name="lognormal", median=12.0, sigma=0.8, low=1, high=64),
    "from_file": FromFile(name="from_file", path=DATA / "azure.csv", column="GeneratedTokens"),
}
LENGTHS["scaled"] = Scaled(name="scaled", base=LENGTHS["lognormal"], factor=0.5)
PROMPTS = {
    "builtin": Builtin(name="builtin"),
    "prototype": Given(name="prototype", prompts=("a", "b", "c")),
    "sized": Sized(name="sized", tokens=64),
    "random_sized": RandomSized(name="random_sized", lengths=LENGTHS["lognormal"]),
    "jsonl": Jsonl(name="jsonl", path=DATA / "prompts.jsonl", field="prompt"),
    "sharegpt": ShareGpt(name="sharegpt", path=DATA / "sharegpt.json"),
}
PROMPTS["shared_prefix"] = SharedPrefix(
    name="shared_prefix", base=PROMPTS["builtin"], tokens=24, shared_by="adapter"
)


def encode(text):
    """A toy tokenizer: one token a byte."""
    return list(text.encode())


def encode_words(text):
    """Another: one token a word, for prompts of exact lengths."""
    return [len(word) for word in text.split()]


def workload(
    popularity="zipf 1.0", arrivals="batch", prompts="builtin", lengths="uniform", seeds=(0, 0, 0)
):
    """The fixed workload, with those laws."""
    return Generated(
        name="generated",
        popularity=POPULARITIES[popularity],
        arrivals=ARRIVALS[arrivals],
        prompts=PROMPTS[prompts],
        lengths=LENGTHS[lengths],
        seeds=Seeds(prompts=seeds[0], adapters=seeds[1], arrivals=seeds[2]),
        alpha=1.0,
        batch_size=8,
        iterations=20,
        requests=64,
        rate=1.0,
        max_new_tokens=24,
        warmup_iterations=1,
        text=True,
    )


def azure(popularity="zipf 1.0"):
    """The production trace among the test data, at half its lengths and double speed."""
    return Azure(
        name="azure",
        path=DATA / "azure.csv",
        popularity=POPULARITIES[popularity],
        alpha=1.0,
        requests=None,
        speed=2.0,
        prompt_factor=0.5,
        output_factor=0.5,
        seeds=Seeds(prompts=0, adapters=0, arrivals=0),
        warmup_iterations=1,
        text=True,
    )


def mooncake(**changes):
    """The trace of Mooncake among the test data, at a sixteenth of its lengths."""
    settings = {
        "name": "mooncake",
        "path": DATA / "mooncake.jsonl",
        "popularity": ZIPF,
        "alpha": 1.0,
        "requests": None,
        "speed": 2.0,
        "prompt_factor": 0.0625,
        "output_factor": 0.5,
        "seeds": Seeds(prompts=0, adapters=0, arrivals=0),
        "warmup_iterations": 1,
        "text": True,
    }
    return Mooncake(**{**settings, **changes})


def sha256(workload, adapters=ADAPTERS, encode=encode):
    """Of its trace's lines alone: they stay, whatever else the trace's own digest covers."""
    return hashlib.sha256(workload.trace(adapters, encode).jsonl.encode()).hexdigest()


def hashes():
    """SHA-256 of the lines of a trace a law, and probabilities to the last bit."""
    return {
        **{f"{law}, batch": sha256(workload(law), MORE_ADAPTERS) for law in POPULARITIES},
        **{f"zipf 1.0, {process}": sha256(workload(arrivals=process)) for process in ARRIVALS},
        **{
            f"prompts {source}": sha256(workload(prompts=source), encode=encode_words)
            for source in PROMPTS
        },
        **{f"lengths {law}": sha256(workload(lengths=law)) for law in LENGTHS},
        "azure": sha256(azure(), encode=encode_words),
        "mooncake": sha256(mooncake(), encode=encode_words),
        **{
            f"p {law}": repr(POPULARITIES[law].probabilities(64))
            for law in ("zipf 0.7", "slora_power", "sglang_geometric", "tenants")
        },
    }


if __name__ == "__main__":
    print(json.dumps(hashes()))
