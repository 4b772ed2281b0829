"""An experiment's defaults are nobody's word where something else was chosen."""

from zlib import crc32

import pytest

from pipeline.errors import UsageError
from pipeline.places import CONF


def only(plan):
    (job,) = plan.jobs
    return job


def test_what_an_experiment_sets_gives_way_to_a_choice_that_has_no_such_setting(composed):
    plan = composed("+experiment=smoke adapters=none")
    assert only(plan).config.adapters.names() == ()
    assert plan.notes() == ["left out of the experiment for adapters=none: adapters.count"]
    assert "batch_size" in only(plan).values["workload"], "what fits stays"


def test_what_was_written_for_another_choice_goes_as_a_whole(composed):
    """Two hundred adapters of four ranks are of `synthetic`; the eight trained ones are eight."""
    plan = composed("+experiment=slora adapters=trained model=tiny")
    assert len(only(plan).config.adapters.names()) == 8
    assert plan.unfit == dict.fromkeys(("adapters.count", "adapters.ranks"), "adapters=trained")


def test_the_same_choice_typed_changes_nothing(composed):
    typed = composed("+experiment=slora adapters=synthetic engine=multilora")
    assert only(typed).values == only(composed("+experiment=slora")).values
    assert typed.notes() == []


def test_choices_that_the_typed_one_doesnt_take_are_left_out(composed, tmp_path):
    """`sglang_skew` chooses and sweeps over laws; a replayed trace has its own."""
    plan = composed(f"+experiment=sglang_skew workload=replay workload.path={tmp_path}/t.jsonl")
    assert only(plan).config.workload.name == "replay"
    assert {"workload.alpha", "workload/popularity"} <= {*plan.unfit}


def test_what_referred_to_something_left_out_keeps_its_value(composed):
    plan = composed("+experiment=slora workload/lengths=fixed")
    assert only(plan).values["workload"]["prompts"]["lengths"]["factor"] == 0.125


def test_an_engine_typed_takes_the_place_of_an_experiments_sweep_over_precisions(composed):
    plan = composed("+experiment=bench engine=noop")
    assert [job.config.engine.name for job in plan.jobs] == ["noop"] * 3
    assert plan.unfit["arm"] == "engine=noop"


def test_of_a_sweep_that_is_run_as_it_stands_nothing_is_left_out(composed):
    """Each of its jobs has an arm, which is the sweep's own word."""
    plan = composed("+experiment=bench_peers repeat=0")
    assert len(plan.jobs) == 24 and plan.notes() == []


def test_an_arm_typed_takes_the_place_of_an_experiments_arms(composed):
    plan = composed("+experiment=bench arm=multilora_int8 repeat=0")
    assert only(plan).config.precision == "int8" and plan.notes() == []


def test_a_precision_typed_is_heard_before_an_experiments_own(composed):
    config = only(composed("+experiment=thousand_adapters arm=llama_cpp_q8_0")).config
    assert (config.engine.name, config.engine.precision) == ("llama_cpp", "q8_0")


def test_what_was_typed_is_never_left_out(composed):
    with pytest.raises(UsageError, match=r"adapters\.count: no such setting"):
        composed("+experiment=smoke adapters=none adapters.count=2")


def test_a_setting_that_only_some_jobs_of_a_sweep_have_is_refused_as_such(composed):
    with pytest.raises(UsageError, match=r"adapters\.count: no such setting in every job"):
        composed("+experiment=bench_peers adapters.count=2")


@pytest.mark.parametrize(
    "typed",
    [
        "arm=peft_hotswap_fp32 engine=multilora",
        "arm=peft_hotswap_fp32 engine.precision=bf16",
        "arm=multilora_int8 engine={precision: fp32}",
        "arm=peft_hotswap_nf4 model.quantization=none",
        "arm=server_multilora_int8 engine=noop",
        "arm=server_llama_cpp_q8_0 engine.precision=f16",
        "-m arm=peft_hotswap_fp32,multilora_int4 engine=multilora",
        "+experiment=bench engine.precision=int8",
    ],
)
def test_a_precision_and_another_word_on_the_same_contradict(typed, composed):
    with pytest.raises(UsageError, match="contradict: the former means"):
        composed(typed.replace("{precision: fp32}", "'{precision: fp32}'"))


def test_what_an_arm_sets_and_its_name_doesnt_say_may_be_set_beside_it(composed):
    plan = composed("arm=server_vllm_fp32 engine.launch.seconds=7 engine.timeout_s=8")
    engine = only(plan).config.engine
    assert (engine.launch.seconds, engine.timeout_s, engine.precision) == (7, 8, "fp32")
    plan = composed("arm=server_lorax 'engine.fields={min_p: minimum}' engine.send=ids")
    engine = only(plan).config.engine
    assert (engine.fields["min_p"], engine.fields["min_tokens"], engine.send) == (
        "minimum",
        None,
        "ids",
    )


@pytest.mark.parametrize(
    ("choice", "arms"),
    [
        ("llama_q8_0", ["llama_cpp q8_0"]),
        ("peft_nf4,mixed_fp32", ["peft_hotswap fp32", "peft_mixed fp32"]),
        ("choice(multilora_int8)", ["multilora int8"]),
    ],
)
def test_the_old_spelling_works_and_a_line_says_the_new(choice, arms, composed):
    old = f"precision={choice}"
    plan = composed(f"-m '{old}'")
    engines = [job.config.engine for job in plan.jobs]
    assert sorted(f"{each.name} {each.precision}" for each in engines) == arms
    (note,) = plan.notes()
    assert note.startswith(f"{old} is called arm=")
    assert all(job.overrides[0].startswith("arm=") for job in plan.jobs)


def test_an_experiment_of_ones_own_in_the_old_spelling_is_told_the_new(composed, tmp_path):
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    text = "# @package _global_\ndefaults:\n  - override /precision: llama_q8_0\n"
    (tmp_path / "own" / "experiment" / "mine.yaml").write_text(text)
    with pytest.raises(
        UsageError, match=r"^precision: is called arm now; there is .*llama_cpp_f16"
    ):
        composed(f"--config-dir={tmp_path}/own +experiment=mine")


def test_a_precision_and_its_own_engine_agree(composed):
    assert only(composed("arm=multilora_int8 engine=multilora")).config.precision == "int8"


EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
CHOICES = ("model=tiny", "adapters=none", "engine=noop", "workload=azure", "arm=peft_hotswap_fp32")


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_no_experiment_stands_in_the_way_of_a_choice(experiment, composed, tmp_path):
    """Each with one choice, which its name decides, so that a new experiment moves no other's."""
    choice = CHOICES[crc32(experiment.encode()) % len(CHOICES)]
    more = [f"workload.path={tmp_path}/x.csv"] if choice.endswith("azure") else []
    plan = composed(f"+experiment={experiment} {choice} hydra.mode=RUN", *more)
    group, _, name = choice.partition("=")
    assert group == "arm" or getattr(only(plan).config, group).name == name
