"""What was typed and changes nothing: refused by name, or left out of what is compared."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from pipeline import places
from pipeline.__main__ import compose as composed
from pipeline.compare.cells import place
from pipeline.compare.run import Run
from pipeline.config.load import load
from pipeline.errors import UsageError
from pipeline.launch.overrides import job_of, name_of, refuse_unused, takers, without_repetitions
from pipeline.settings import flatten
from pipeline.tracking.run_directory import RunDirectory
from pipeline.workload.shared import as_drawn

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
LAWS = "workload/popularity=punica_zipf, sglang_geometric, slora_power or zipf"


@pytest.fixture
def job(tmp_path):
    """Composes a job, as the command line does."""
    places.register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield lambda *typed: job_of(compose("config", [*typed]), typed, RunDirectory(tmp_path))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (
            ["slo.ttft=0.05", "workload.rate=5"],
            "nothing here takes it over; workload/arrivals=constant, gamma, poisson or ramp would",
        ),
        (["workload.requests=1000"], "arrivals=concurrency, constant, gamma, poisson or ramp"),
        (["workload/popularity=distinct", "workload.alpha=2"], LAWS),
        (["workload/arrivals=poisson", "workload.batch_size=8"], "workload/arrivals=batch would"),
        (
            ["workload/lengths=uniform", "workload.lengths.high=24", "workload.max_new_tokens=24"],
            "workload/lengths=fixed, lognormal or uniform",
        ),
        (["workload.popularity.alpha=2", "workload.alpha=1"], "unless given a value of its own"),
        (["sampling.temperature=0.5"], "sampling.do_sample=true would"),
        (["fidelity.enabled=false", "fidelity.max_tokens=3"], "fidelity.enabled=true would"),
        (["fidelity.enabled=false", "engine@fidelity.reference=noop"], "fidelity.enabled=true"),
        (["isolation=inline", "limits={seconds: 4}"], "isolation=process would"),
        (["+experiment=capacity", "workload.rate=3"], "capacity=null would"),
        (["+experiment=capacity", "workload.arrivals.rate=3"], "capacity=null would"),
        (["+experiment=capacity", "workload.arrivals.requests=3"], "asks workload.requests"),
        (["engine.patience=3"], "counts under engine.policy=adapter_aware alone"),
        (["workload.warmup_iterations=0", "workload.warmup_tokens=2"], "warmup_iterations=1 would"),
        (["workload.seeds.arrivals=2"], "workload/arrivals=poisson would"),
        (["workload/popularity=round_robin", "workload.seeds.adapters=2"], "popularity=zipf would"),
        (["workload/arrivals=constant", "workload.arrivals.rescale=true"], "poisson would"),
    ],
)
def test_what_no_job_reads_is_refused_naming_who_would(typed, said, job):
    with pytest.raises(UsageError) as refusal:
        refuse_unused([job(*typed)], CONF)
    line = str(refusal.value)
    assert line.startswith(f"{typed[-1]} changes nothing: ") and said in line and "\n" not in line


@pytest.mark.parametrize(
    "typed",
    [
        ["workload/arrivals=poisson", "workload.rate=5", "workload.requests=9"],
        ["workload/popularity=drift", "workload.alpha=2", "workload.popularity.every=4"],
        ["workload/popularity=tenants", "workload.alpha=2"],
        ["sampling.do_sample=true", "sampling.temperature=0.5", "sampling.seed=3"],
        ["engine.policy=adapter_aware", "engine.patience=3", "workload.warmup_tokens=2"],
        ["+experiment=punica", "workload/popularity=punica_zipf", "workload.alpha=2"],
        ["+experiment=slora", "workload.lengths.factor=0.5", "workload.seeds.arrivals=1"],
        ["+experiment=capacity", "workload.requests=30"],
        ["arm=multilora_int8", "isolation=inline", "paths.mlruns=/elsewhere"],
    ],
)
def test_what_a_chosen_component_takes_over_is_read(typed, job):
    refuse_unused([job(*typed)], CONF)


def test_what_an_experiment_sets_is_not_typed(job):
    made = job("+experiment=zipf", "workload/popularity=uniform")
    refuse_unused([made], CONF)
    assert "alpha" not in made.values["workload"], "but it isn't read either"


def test_one_job_that_reads_it_is_enough_and_the_others_are_one(job):
    """Alpha three times over two laws of which one has none: four jobs, not six."""
    jobs = [
        job(f"workload/popularity={law}", f"workload.alpha={alpha}")
        for law in ("zipf", "uniform")
        for alpha in (0, 1, 2)
    ]
    refuse_unused(jobs, CONF)
    kept, repeating = without_repetitions(jobs)
    assert [each.overrides for each in repeating] == [jobs[4].overrides, jobs[5].overrides]
    assert [each.values["workload"].get("alpha") for each in kept] == [0.0, 1.0, 2.0, None]


def test_an_engine_entered_twice_stays_twice(job):
    jobs = [job(each, "workload/popularity=uniform") for each in ("engine=noop", "engine=noop")]
    assert without_repetitions(jobs) == (jobs, [])
    again = [replace(each, unused={"workload.alpha=1": ""}) for each in jobs]
    assert without_repetitions(again) == (again, [])


def test_numbers_are_kept_as_they_were_understood(job):
    """1, 1.0 and "1" are one value, wherever it is shown."""
    texts = ("workload.alpha=1", "workload.alpha=1.0", "workload.alpha='1'")
    values = [job(text).values["workload"] for text in texts]
    assert [repr(each["alpha"]) for each in values] == ["1.0"] * 3
    assert values[0] == values[1] == values[2]
    assert repr(job("+experiment=capacity").values["capacity"]["start"]) == "1000.0"


@pytest.mark.parametrize(
    "choice",
    [
        "+experiment=slora",
        "+experiment=capacity",
        "+experiment=punica",
        "workload/popularity=tenants",
        "isolation=inline",
        "workload/lengths=scaled",
        "profiler=all",
        "engine=llama_cpp",
        "fidelity.enabled=false",
    ],
)
def test_what_is_read_gives_the_same_run_again(choice, job):
    made = job(choice)
    again = load(yaml.safe_load(yaml.safe_dump(made.values)))
    assert again.engine == made.config.engine and again.sampling == made.config.sampling
    offered = ("alpha", "batch_size", "iterations", "requests", "rate", "max_new_tokens")
    laws = ("popularity", "arrivals", "prompts", "lengths", "seeds", "run_in")
    for name in laws:
        assert getattr(again.workload, name) == getattr(made.config.workload, name)
    for name in offered:
        assert getattr(again.workload, name) in (None, getattr(made.config.workload, name))


def test_names_and_takers():
    assert name_of("+engine@fidelity.reference=noop") == "fidelity.reference"
    assert name_of("workload/arrivals=batch") == "workload.arrivals"
    assert takers("workload.alpha", CONF) == LAWS
    assert takers("adapters.count", CONF) == ""


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        (["workload.batch_size=4"], {"workload.alpha": 1.0, "workload.batch_size": 4}),
        (
            ["workload/arrivals=concurrency", "workload/popularity=uniform"],
            {"workload.arrivals.concurrency": 4},
        ),
        (
            ["workload.popularity.alpha=2", "workload.run_in.requests=8"],
            {"workload.alpha": 2.0, "workload.batch_size": 8, "workload.run_in.requests": 8},
        ),
    ],
)
def test_a_comparison_names_what_was_read(typed, named, job, tmp_path):
    settings = as_drawn(flatten(job(*typed).values))
    (placed,) = place([Run(tmp_path, "FINISHED", settings, validity="VALID")])
    assert dict(placed.condition) == named


def test_a_sweep_is_composed_without_its_repetitions(tmp_path, monkeypatch):
    sweep = ("-m", "+experiment=smoke", "workload/popularity=uniform,zipf", "workload.alpha=0,2")
    monkeypatch.setattr("sys.argv", ["pipeline", *sweep, f"hydra.sweep.dir={tmp_path}/s"])
    plan = composed()
    laws = [each.config.workload.popularity.name for each in plan.jobs]
    assert laws == ["uniform", "zipf", "zipf"]
    assert [each.number for each in plan.jobs] == [0, 1, 2]
    assert plan.left_out() == "1 of 4 jobs, which don't read workload.alpha"


def test_what_no_job_of_a_sweep_reads_is_refused_before_anything_starts(tmp_path, monkeypatch):
    sweep = ("-m", "+experiment=smoke", "workload.rate=5,50", "slo.ttft=0.05")
    monkeypatch.setattr("sys.argv", ["pipeline", *sweep, f"hydra.sweep.dir={tmp_path}/s"])
    with pytest.raises(UsageError, match=r"workload\.rate=5 changes nothing"):
        composed().check()
