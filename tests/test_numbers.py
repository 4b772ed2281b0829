"""Every numeric setting, by its type: nonsense is refused, what may be huge known to be harmless.

What is large for a machine is held against its memory before anything starts.
"""

import math
from pathlib import Path
from typing import Annotated

import pytest
from hydra.utils import get_class
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from pipeline.config.fidelity import Fidelity
from pipeline.config.limits import Limits
from pipeline.config.run_config import RunConfig
from pipeline.engines.sampling import Sampling
from pipeline.metrics.capacity import Search
from pipeline.metrics.slo import Slo
from pipeline.metrics.validity import Validity
from pipeline.workload.run_in import RunIn
from pipeline.workload.seeds import Seeds

CONF = Path(__file__).parents[1] / "conf"
SECTIONS = {RunConfig, Limits, Fidelity, Slo, Validity, Search, Sampling, Seeds, RunIn}
NONSENSE = (math.nan, math.inf, -math.inf, -1, -0.5, -1e300, "many", "1e999")
HUGE = (10**12, 1e300)
HARMLESS = {
    "ceilings of something else": {
        *("adapters", "requests_per_adapter", "max_tokens", "max_kl", "jobs", "resident_adapters"),
        *("max_batch_size", "prefill_tokens", "patience", "adapter_memory_mb", "in_flight"),
        *("warmup_tokens", "ttft", "tpot", "e2e", "wait", "warmup", "active", "every"),
        *("nodes", "target_requests", "adapter_ranks", "least", "max_error"),
    },
    "names of draws and repetitions": {
        *("seed", "shuffle", "prompts", "arrivals", "repeat"),
    },
    "held against what there is, later": {
        *("count", "threads", "cpus", "kv_tokens", "requests", "seconds"),
    },
    "the law's limit, in floating point": {"alpha", "median", "sigma", "temperature"},
    "seconds that a simulation alone passes": {
        *("step_s", "decode_s", "prefill_s", "adapter_s", "rank_s", "padded_s", "load_s"),
    },
}

SIGNED = {"presence_penalty", "frequency_penalty"}
"""Below zero they are rewards, down to -2: vLLM's and OpenAI's range."""


def classes():
    found = {*SECTIONS}
    for path in CONF.rglob("*.yaml"):
        for line in path.read_text("utf-8").splitlines():
            if line.strip().startswith("_target_:"):
                found.add(get_class(line.split(":")[1].strip()))
    return sorted(found, key=lambda each: (each.__module__, each.__name__))


def settings():
    """Class, name and validator of every setting that takes a number."""
    for each in classes():
        for name, declared in getattr(each, "__pydantic_fields__", {}).items():
            kind = declared.annotation
            if declared.metadata:
                kind = Annotated[(kind, *declared.metadata)]
            try:
                adapter = TypeAdapter(kind, config=ConfigDict(allow_inf_nan=False))
            except PydanticUserError:
                continue  # of a class of its own, which has settings of its own
            except Exception:
                continue  # of no type that pydantic knows: components
            if any(takes(adapter, number) for number in (1, 0.5, 2)):
                yield f"{each.__module__}.{each.__name__}", name, adapter


def takes(adapter, value):
    try:
        read = adapter.validate_python(value)
    except ValidationError:
        return False
    return isinstance(read, int | float) and not isinstance(read, bool)


FOUND = list(settings())


def test_there_are_many():
    assert len(FOUND) > 80


@pytest.mark.parametrize("value", NONSENSE, ids=str)
def test_nonsense_is_refused_everywhere(value):
    taken = {name for where, name, it in FOUND if takes(it, value)}
    assert taken == (SIGNED if value in (-1, -0.5) else set())


def test_huge_numbers_are_refused_or_known_to_be_harmless():
    known = set().union(*HARMLESS.values())
    taken = {f"{where}.{name}" for where, name, it in FOUND for v in HUGE if takes(it, v)}
    assert {each for each in taken if each.rpartition(".")[2] not in known} == set()
