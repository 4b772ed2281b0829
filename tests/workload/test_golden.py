"""The same trace on every machine and Python version."""

import json
import shutil
import subprocess
import sys
from decimal import Decimal, localcontext
from pathlib import Path

import pytest

from pipeline.workload.popularity.zipf import Zipf
from pipeline.workload.randomness import below, shuffle, stream
from pipeline.workload.replay import ReplayedTrace
from tests.workload import golden

PINNED = {
    "zipf 1.0, batch": "a2f024e31c0e1c6009b002b98a29f8b83d936b807cbe6aa0c993a9d9c3b5a98b",
    "zipf 1.3, concurrency": "8d29d14e744dafc28be0a3bedc3957b658d71e4d75bc1991a0c9af1b5ee51751",
    "uniform, batch": "7731bf526c54bd98aa77cf07f0b5e157c9250ebcee937bac69b5634800137fee",
    "distinct, batch": "82c31b03efe5be4ac0684aacbf4c7d353a78c12ab470b91e815610b8a5c1e409",
}


GOLDEN = json.loads((golden.DATA / "golden.json").read_text("utf-8"))
"""Hashes that Python 3.11, 3.12 and 3.13 agreed on, a trace a law; `golden.py` prints them."""


@pytest.fixture(scope="module")
def hashes():
    return golden.hashes()


@pytest.mark.parametrize("laws", PINNED)
def test_the_first_traces_are_still_drawn(laws):
    assert golden.sha256(golden.workload(*laws.split(", "))) == PINNED[laws]


@pytest.mark.parametrize("trace", GOLDEN)
def test_the_hash_is_pinned(trace, hashes):
    assert hashes[trace] == GOLDEN[trace]


def test_no_trace_goes_unpinned(hashes):
    assert {name for name in hashes if not name.startswith("p ")} == {*GOLDEN}


@pytest.mark.parametrize("group", ["popularity", "arrivals", "lengths", "prompts"])
def test_no_law_goes_unpinned(group):
    table = {
        "popularity": golden.POPULARITIES,
        "arrivals": golden.ARRIVALS,
        "lengths": golden.LENGTHS,
        "prompts": golden.PROMPTS,
    }[group]
    conf = Path(golden.__file__).parents[2] / "conf" / "workload" / group
    assert {name.split()[0] for name in table} == {path.stem for path in conf.glob("*.yaml")}


def others():
    """Other Pythons of this machine that start, by version."""
    for version in ("3.11", "3.12", "3.13", "3.14"):
        installed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
        for command in [shutil.which(f"python{version}"), *map(str, installed)]:
            probe = [command, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
            run = command and subprocess.run(probe, capture_output=True, text=True)
            if run and run.stdout.strip() == version:
                yield command
                break


@pytest.mark.parametrize("python", [*others()])
def test_other_pythons_draw_the_same(python, hashes):
    run = subprocess.run([python, golden.__file__], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == hashes


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.3, 7.25])
def test_zipf_is_exact_to_the_last_bits(alpha):
    with localcontext() as context:
        context.prec = 60
        weights = [Decimal(rank) ** -Decimal(alpha) for rank in range(1, 65)]
        exact = [float(weight / sum(weights)) for weight in weights]
    assert Zipf(name="z", alpha=alpha).probabilities(64) == pytest.approx(exact, rel=1e-15)


def test_a_stream_takes_nothing_but_random():
    class Only:
        def __init__(self, rng):
            self.random = rng.random

    one, two = list(range(20)), list(range(20))
    shuffle(stream(3, "a"), one)
    shuffle(Only(stream(3, "a")), two)
    assert one == two and sorted(one) == list(range(20))
    assert stream(3, "a").random() != stream(3, "b").random() != stream(4, "b").random()
    assert {below(Only(stream(0, "x")), 1) for _ in range(9)} == {0}


@pytest.mark.parametrize("changed, same", [(0, "adapter"), (1, "prompt"), (2, None)])
def test_a_seed_changes_its_own_thing_alone(changed, same):
    seeds = [0, 0, 0]
    seeds[changed] = 1
    before = golden.workload().trace(golden.ADAPTERS, golden.encode)
    after = golden.workload(seeds=seeds).trace(golden.ADAPTERS, golden.encode)
    if same is None:  # neither of the arrival processes draws
        assert after.sha256 == before.sha256
        return
    assert [getattr(r, same) for r in after.requests] == [getattr(r, same) for r in before.requests]
    assert after.sha256 != before.sha256


@pytest.mark.parametrize(
    "arrivals, limit", [("batch", None), ("concurrency", 4), ("gamma 3", None), ("replay", None)]
)
def test_a_replay_is_the_original_byte_for_byte(tmp_path, arrivals, limit):
    first, second = tmp_path / "a" / "trace.jsonl", tmp_path / "b" / "trace.jsonl"
    for path in (first, second):
        path.parent.mkdir()
    golden.workload(arrivals=arrivals).trace(golden.ADAPTERS, golden.encode).write(first)
    replay = ReplayedTrace(name="replay", path=first, warmup_iterations=1, text=True)
    replay.check(golden.ADAPTERS)
    again = replay.trace(golden.ADAPTERS, golden.encode)
    again.write(second)
    assert again.max_in_flight == limit
    assert first.read_bytes() == second.read_bytes()
    for name in ("trace.json", "trace.jsonl"):
        assert (first.parent / name).read_bytes() == (second.parent / name).read_bytes()


def test_the_workload_imports_nothing_heavy():
    root = Path(golden.__file__).parents[2]
    files = sorted((root / "pipeline" / "workload").rglob("*.py"))
    modules = [".".join(file.relative_to(root).with_suffix("").parts) for file in files]
    heavy = (
        "{'torch', 'numpy', 'transformers', 'scipy', 'pipeline.tracking', 'pipeline.models', "
        "'pipeline.adapters'}"
    )
    code = f"import sys; import {', '.join(modules)}; print(sorted({heavy} & set(sys.modules)))"
    assert len(modules) > 30
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
