"""Published set-ups: what they draw is what was published."""

from collections import Counter
from pathlib import Path

import pytest
import yaml
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser

from tests.workload import golden

EXPERIMENTS = Path(__file__).parents[2] / "conf" / "experiment"
SWEEPS = [
    *("slora_adapters", "slora_alpha", "slora_cv", "slora_rate", "slora_ranks"),
    *("punica", "sglang_skew"),
]


def jobs(experiment):
    """The overrides of each job of its sweep."""
    text = (EXPERIMENTS / f"{experiment}.yaml").read_text("utf-8")
    params = yaml.safe_load(text)["hydra"]["sweeper"]["params"]
    given = OverridesParser.create().parse_overrides([f"{k}={v}" for k, v in params.items()])
    (batch,) = BasicSweeper.split_arguments(given, max_batch_size=None)
    return batch


def drawn(built):
    names = built.adapters.names()
    built.workload.check(names)
    return built.workload.trace(names, golden.encode_words)


@pytest.mark.parametrize("experiment", SWEEPS)
def test_every_job_of_a_sweep_can_be_drawn(experiment, config):
    hashes = []
    for overrides in jobs(experiment):
        built = config(f"+experiment={experiment}", *overrides)
        hashes.append(drawn(built).sha256)
    assert len(hashes) >= 3
    assert len({*hashes}) == (1 if experiment == "slora_ranks" else len(hashes))


def test_slora_at_its_default_point(config):
    built = config("+experiment=slora", "workload.requests=600")
    trace = drawn(built)
    lengths = [request.max_new_tokens for request in trace.requests]
    prompts = [len(request.prompt_ids) for request in trace.requests]
    assert (min(lengths + prompts), max(lengths + prompts)) == (1, 64)
    assert trace.requests[-1].scheduled_s == pytest.approx(300, rel=0.1)
    assert built.adapters.count == 200 and built.adapters.ranks == (64, 32, 16, 8)
    assert max(Counter(request.adapter for request in trace.requests).values()) < 15


def test_one_factor_gives_back_the_lengths_of_the_paper(config):
    trace = drawn(config("+experiment=slora", "workload.lengths.factor=1"))
    lengths = [request.max_new_tokens for request in trace.requests]
    prompts = [len(request.prompt_ids) for request in trace.requests]
    for each in (lengths, prompts):
        assert 8 <= min(each) < 40 and 480 < max(each) <= 511


def test_the_four_cases_of_punica_at_its_size(config):
    size = ("workload.requests=1024", "workload.arrivals.concurrency=32")
    counts = {}
    for case in ("distinct", "punica_uniform", "punica_zipf", "identical"):
        trace = drawn(config("+experiment=punica", f"workload/popularity={case}", *size))
        counts[case] = Counter(request.adapter for request in trace.requests)
        assert trace.max_in_flight == 32
    assert len(counts["distinct"]) == 1024 and set(counts["distinct"].values()) == {1}
    assert set(counts["punica_uniform"].values()) == {32}
    assert counts["punica_zipf"].most_common(3) == [
        ("lora-0000", 291),
        ("lora-0001", 194),
        ("lora-0002", 157),
    ]
    assert counts["identical"] == {"lora-0000": 1024}


def test_the_skew_of_sglang(config):
    built = config("+experiment=sglang_skew", "workload.requests=2000")
    counts = Counter(request.adapter for request in drawn(built).requests)
    shares = [counts[name] / 2000 for name in built.adapters.names()[:4]]
    assert shares == pytest.approx([0.347, 0.231, 0.154, 0.103], abs=0.03)
