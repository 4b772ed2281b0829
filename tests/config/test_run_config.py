from pathlib import Path

import pytest
import yaml

from pipeline.errors import UsageError

CONF = Path(__file__).parents[2] / "conf"
YAMLS = sorted(path.relative_to(CONF) for path in CONF.rglob("*.yaml"))
NOT_OF_A_RUN = ("", "experiment", "paths", "arm", "launcher", "routing", "steps", "cluster")
GROUPS = [path for path in YAMLS if path.parent.name not in NOT_OF_A_RUN]
NEEDED = {
    "model/folder": ["model.path=/somewhere"],
    "model/gguf": ["model.path=/somewhere/model.gguf"],
    "model/hub": ["model.id=a/b"],
    "adapters/folder": ["adapters.path=/somewhere"],
    "adapters/hub": ["adapters.ids={a: b/c}"],
    "adapters/named": ["adapters.adapter_names=[a]"],
    "workload/replay": ["workload.path=/somewhere"],
    "workload/azure": ["workload.path=/somewhere"],
    "workload/mooncake": ["workload.path=/somewhere"],
    "workload/popularity/punica_zipf": ["workload.alpha=1.5"],
    "workload/popularity/sglang_geometric": ["workload.alpha=1.5"],
    "workload/arrivals/replay": ["workload.arrivals.path=/somewhere"],
    "workload/lengths/from_file": ["workload.lengths.path=/somewhere"],
    "workload/prompts/jsonl": ["workload.prompts.path=/somewhere"],
    "workload/prompts/sharegpt": ["workload.prompts.path=/somewhere"],
}


@pytest.mark.parametrize("path", GROUPS, ids=str)
def test_every_choice_composes_and_validates(path, config):
    choice = str(path.with_suffix(""))
    overrides = [f"{path.parent}={path.stem}", *NEEDED.get(choice, [])]
    built = config(*overrides)
    node = built
    for part in path.parent.parts:
        node = getattr(node, part)
    assert node.name == path.stem


@pytest.mark.parametrize("name", [p.stem for p in YAMLS if p.parent.name == "experiment"])
def test_every_experiment_composes_and_validates(name, config):
    assert config(f"+experiment={name}").engine.name


def engine_of(arm):
    """The one that an arm's file chooses, or the file does that it is made of."""
    chosen = yaml.safe_load((CONF / "arm" / f"{arm}.yaml").read_text())["defaults"]
    return engine_of(chosen[0]) if isinstance(chosen[0], str) else chosen[0]["override /engine"]


@pytest.mark.parametrize("name", [p.stem for p in YAMLS if p.parent.name == "arm"])
def test_every_precision_is_an_engine_that_can_serve_it(name, config):
    engine = engine_of(name)
    built = config(f"arm={name}")
    known_by = name if engine == "openai" else engine  # Reports tell servers apart by their names.
    assert known_by.startswith(built.engine.name)
    assert built.model.quantization in built.engine.quantizations


@pytest.mark.parametrize("experiment", ["precisions", "bench"])
def test_sweeps_over_precisions_name_those_that_are_there(experiment):
    sweep = yaml.safe_load((CONF / "experiment" / f"{experiment}.yaml").read_text())
    names = sweep["hydra"]["sweeper"]["params"]["arm"].split(",")
    assert {name.strip() for name in names} <= {p.stem for p in YAMLS if p.parent.name == "arm"}
    assert len({*names}) == len(names) >= 8


@pytest.mark.parametrize("path", YAMLS, ids=str)
def test_every_yaml_begins_with_a_command(path):
    lines = [
        line for line in (CONF / path).read_text().splitlines() if not line.startswith("# @package")
    ]
    assert lines[0].startswith("# python -m pipeline")


def test_resolved_values_give_the_same_run_again(values):
    first = values("+experiment=zipf")
    assert yaml.safe_load(yaml.safe_dump(first)) == first


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("workload.batch_size=0", "batch_size=0"),
        ("workload.alpha=-1", "alpha"),
        ("workload.alpha=nan", "alpha"),
        ("workload.batch_size=two", "batch_size"),
        ("sampling.top_p=2", "top_p"),
        ("limits.seconds=0", "seconds"),
        ("+workload.alhpa=1", "alhpa"),
        ("+sampling.topp=1", "topp"),
        ("isolation=thread", "isolation"),
        ("model.quantization=int3", "quantization"),
        ("fidelity.min_agreement=2", "min_agreement"),
        ("fidelity.max_kl=-1", "max_kl"),
        ("fidelity.max_tokens=0", "max_tokens"),
        ("model=folder", "model.path"),
    ],
)
def test_nonsense_is_refused_in_one_line_that_names_the_key(override, said, config):
    with pytest.raises(UsageError) as refusal:
        config(override)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_floor_with_nothing_to_hold_against_it_is_refused(config):
    with pytest.raises(UsageError, match=r"fidelity\.enabled=false leaves nothing"):
        config("fidelity.enabled=false", "fidelity.max_kl=0.1")


def test_no_capacity_is_searched_with_turns_that_wait_for_answers(config):
    talk = (
        *("workload/prompts=sharegpt", "workload.prompts.path=tests/workload/data/turns.jsonl"),
        "workload.chat.template=tests/workload/data/chat.jinja",
    )
    assert config("+experiment=capacity", *talk, "workload.prompts.turns=last").capacity
    with pytest.raises(UsageError, match="capacity: later turns wait for answers"):
        config("+experiment=capacity", *talk, "workload.prompts.turns=all")
