"""Prints hashes of a fixed workload; run by other Pythons too, with or without pydantic.

Without pydantic its validation is replaced by nothing: what is drawn doesn't depend on it.
"""

import dataclasses
import json
import sys
import types
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))


class Anything(types.ModuleType):
    """A module each of whose names is `object`, save those given."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return object


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

from pipeline.workload.arrivals.batch import Batch  # noqa: E402
from pipeline.workload.arrivals.concurrency import Concurrency  # noqa: E402
from pipeline.workload.generated import Generated, Seeds  # noqa: E402
from pipeline.workload.lengths.uniform import Uniform as Lengths  # noqa: E402
from pipeline.workload.popularity.distinct import Distinct  # noqa: E402
from pipeline.workload.popularity.uniform import Uniform  # noqa: E402
from pipeline.workload.popularity.zipf import Zipf  # noqa: E402
from pipeline.workload.prompts.builtin import Builtin  # noqa: E402

ADAPTERS = [f"adapter-{index}" for index in range(8)]
POPULARITIES = {
    **{f"zipf {alpha}": Zipf(name="zipf", alpha=alpha) for alpha in (0.0, 0.7, 1.0, 1.3)},
    "uniform": Uniform(name="uniform"),
    "distinct": Distinct(name="distinct"),
}
ARRIVALS = {
    "batch": Batch(name="batch", batch_size=8, iterations=20),
    "concurrency": Concurrency(name="concurrency", concurrency=4, requests=64),
}


def encode(text):
    """A toy tokenizer: one token a byte."""
    return list(text.encode())


def workload(popularity="zipf 1.0", arrivals="batch", seeds=(0, 0, 0)):
    """The fixed workload, with those laws."""
    return Generated(
        name="generated",
        popularity=POPULARITIES[popularity],
        arrivals=ARRIVALS[arrivals],
        prompts=Builtin(name="builtin"),
        lengths=Lengths(name="uniform", low=8, high=24),
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


def hashes():
    """SHA-256 of each trace, and the probabilities to the last bit."""
    traces = {
        f"{law}, {process}": workload(law, process).trace(ADAPTERS, encode).sha256
        for law in POPULARITIES
        for process in ARRIVALS
    }
    return traces | {f"p {a}": repr(Zipf(name="z", alpha=a).probabilities(64)) for a in (0.7, 1.3)}


if __name__ == "__main__":
    print(json.dumps(hashes()))
