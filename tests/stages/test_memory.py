"""What can't fit into memory or onto the disk is refused before anything is made or loaded."""

from collections import namedtuple

import pytest

from pipeline.errors import UsageError
from pipeline.machine.memory import AvailableMemory
from pipeline.stages import disk, memory
from pipeline.stages.preflight import preflight

LARGE = ("model=synthetic", "model.shape=tinyllama-1.1b", "adapters=synthetic")
EXPERIMENTS = [
    *(
        f"+experiment=bench arm={arm}"
        for arm in (
            *("peft_hotswap_fp32", "peft_mixed_fp32", "peft_hotswap_nf4"),
            *("multilora_fp32", "merged_fp32"),
        )
    ),
    "+experiment=bench_wide arm=peft_mixed_fp32",
    "+experiment=thousand_adapters",
    "+experiment=slora",
    "+experiment=punica",
    "+experiment=zipf engine=llama_cpp",
]


@pytest.fixture
def room(monkeypatch):
    """Sets the memory and the disk that there are, in GB."""
    usage = namedtuple("usage", "free")

    def set_(gigabytes, free=1e6):
        there = AvailableMemory(int(gigabytes * 1e9), "there")
        monkeypatch.setattr(memory, "available_memory", lambda limit: there)
        monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage(int(free * 1e9)))

    return set_


def refusal(config, overrides):
    with pytest.raises(UsageError) as refused:
        preflight([config(*overrides)])
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ("engine=llama_cpp engine.context=2000000000", "engine.context=2000000000"),
        ("engine=multilora engine.kv_tokens=1000000000000", "engine.kv_tokens=1000000000000"),
        ("engine=noop workload/arrivals=poisson workload.requests=1000000", "1000000 requests"),
        (
            "engine=peft_mixed workload.batch_size=3000 workload.iterations=1",
            "(engine.max_batch_size)",
        ),
        (" ".join((*LARGE, "engine=peft_hotswap")), "4.4 for weights in fp32"),
        (" ".join((*LARGE, "engine=peft_mixed engine.precision=bf16")), "2.2 for weights in bf16"),
        (
            " ".join((*LARGE, "engine=multilora engine.precision=int4 adapters.count=1000")),
            "9.01 for adapters (engine.adapter_memory_mb)",
        ),
    ],
)
def test_what_needs_more_memory_than_there_is_says_which_setting(overrides, said, room, config):
    room(0.1 if "batch_size" in overrides or "requests" in overrides else 2)
    message = refusal(config, [*overrides.split(), "fidelity.enabled=false"])
    assert message.startswith("memory: at least ") and said in message and "(there)" in message


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_the_experiments_pass_on_a_machine_of_24_gib(experiment, room, config, tmp_path):
    room(22)
    preflight([config(*experiment.split(), f"paths.cache={tmp_path}")])


def test_a_batch_is_weighed_as_it_is_cut(room, config):
    room(0.1)
    batch = ["engine=peft_mixed", "workload.batch_size=3000", "workload.iterations=1"]
    preflight([config(*batch, "engine.max_batch_size=8", "fidelity.enabled=false")])


def test_a_limit_of_a_jobs_own_counts_where_it_is_kept(config):
    overrides = (*LARGE, "engine=peft_hotswap", "limits.memory_gb=3")
    assert "limits.memory_gb=3" in refusal(config, overrides)
    preflight([config(*overrides, "isolation=inline")])


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("adapters.count=9000", "adapters.ranks=[512]"), "9000 adapters to be made"),
        (("adapters.count=2",), "the model to be made"),
    ],
)
def test_what_is_to_be_made_must_fit_on_its_disk(overrides, said, room, config, tmp_path):
    room(1e6, free=1)
    message = refusal(config, (*LARGE, *overrides, "engine=noop", f"paths.cache={tmp_path}"))
    assert said in message and "1 GB free" in message and "paths.cache" in message


@pytest.mark.parametrize(
    "override",
    [
        "workload.batch_size=1000000000000",
        "workload.warmup_iterations=1000000000000",
        "workload.max_new_tokens=1000000000000",
        "adapters.count=1000000000",
        "adapters.ranks=[1000000000000]",
    ],
)
def test_numbers_that_nothing_could_hold_are_refused_by_name(override, config):
    name = override.split("=")[0].rsplit(".", 1)[-1]
    with pytest.raises(UsageError, match=f"{name}.*1000000000"):
        config("adapters=synthetic", override)
