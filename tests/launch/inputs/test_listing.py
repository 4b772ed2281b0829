"""Which inputs the settings of a job name, of each group that reads files."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.config.run_config import RunConfig
from pipeline.launch.inputs.listing import inputs_of

Config = Callable[..., RunConfig]
TinyIn = Callable[[Path], None]

LLAMA_CPP = ("engine=llama_cpp", "engine.precision=file")


def test_what_is_kept_with_the_code_or_made_there_is_none(config: Config, tmp_path: Path) -> None:
    assert inputs_of(config("+experiment=smoke")) == {}
    assert inputs_of(config("model=synthetic", "adapters=synthetic", "engine=llama_cpp")) == {}


def test_model_and_adapters(config: Config, tiny_in: TinyIn, tmp_path: Path) -> None:
    tiny_in(tmp_path)
    found = inputs_of(
        config(
            *("model=folder", f"model.path={tmp_path}/base", "adapters=folder"),
            *(f"adapters.path={tmp_path}/adapters", "adapters.count=1"),
        )
    )
    assert {*found} == {("model", "path"), ("adapters", "path")}
    assert found["model", "path"].kind == "model.path"
    assert "base/model.safetensors" in found["model", "path"].files
    assert {*found["adapters", "path"].files} == {
        "adapters/csv/adapter_config.json",
        "adapters/csv/adapter_model.safetensors",
    }


def test_one_adapter_is_itself(config: Config, tiny_in: TinyIn, tmp_path: Path) -> None:
    tiny_in(tmp_path)
    (found,) = inputs_of(
        config("adapters=folder", f"adapters.path={tmp_path}/adapters/verse")
    ).values()
    assert (found.name, len(found.files)) == ("verse", 2)


def test_a_trace_comes_with_what_says_that_it_is_whole(config: Config, tmp_path: Path) -> None:
    for name in ("trace.jsonl", "trace.json", "requests.jsonl"):
        (tmp_path / name).write_text(name)
    (found,) = inputs_of(
        config("workload=replay", f"workload.path={tmp_path}/trace.jsonl")
    ).values()
    assert {*found.files} == {"trace.jsonl", "trace.json"}


@pytest.mark.parametrize(
    ("overrides", "keys"),
    [
        (("workload/arrivals=replay", "workload.arrivals.path={}"), "workload arrivals path"),
        (("quality.path={}",), "quality path"),
        ((*LLAMA_CPP, "engine.gguf={}"), "engine gguf"),
        (
            (*LLAMA_CPP, "engine.gguf={}", "+engine.adapters_gguf={{a.b: {}}}"),
            "engine adapters_gguf a.b",
        ),
    ],
)
def test_files_that_settings_name_wherever_they_stand(
    overrides: tuple[str, ...], keys: str, config: Config, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text(json.dumps([0.0]))
    found = inputs_of(config(*(each.format(tmp_path / "file") for each in overrides)))
    assert found[tuple(keys.split())].kind == ".".join(keys.split())
