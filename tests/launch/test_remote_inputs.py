"""What a sent job reads, on a machine that has it, has something else, or has nothing."""

from collections.abc import Callable, Iterable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from pipeline.config.load import load
from pipeline.errors import UsageError
from pipeline.launch import remote_inputs
from pipeline.launch.attempt import begin
from pipeline.launch.inputs.arrival import pieces
from pipeline.launch.job import Job
from pipeline.launch.parcel import unpack
from pipeline.launch.remote import carried_out
from pipeline.launch.remote_inputs import here, lacking, take_in, values_here
from pipeline.launch.remote_order import Order, order_of, sources_of
from pipeline.places import PACKAGE, ROOT
from pipeline.tracking.run_directory import RunDirectory

Values = Callable[..., dict[str, Any]]
TinyIn = Callable[[Path], None]


@pytest.fixture
def sender(tmp_path: Path) -> Path:
    """The sender's project."""
    return tmp_path / "a sender"


@pytest.fixture
def order(
    sender: Path,
    values: Values,
    tiny_in: TinyIn,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Order:
    """Of a job with a model and adapters below the sender's project, which the node lacks."""
    tiny_in(sender / "models")
    made = values(
        *("+experiment=smoke", "engine=noop", "tracking=none", "fidelity.enabled=false"),
        *("model=folder", f"model.path='{sender}/models/base'", f"paths.cache='{sender}/cache'"),
        *("adapters=folder", f"adapters.path='{sender}/models/adapters'"),
    )
    job = Job(made, load(made), RunDirectory(tmp_path / "0"), ())
    node = tmp_path / "a node"
    node.mkdir()
    monkeypatch.setattr(remote_inputs, "ROOT", node)
    made_order = order_of(job, begin(job, "0"), cpus=None)
    made_order["root"] = str(sender)
    return made_order


def bring(order: Order, wanted: Iterable[str]) -> None:
    for sha256 in wanted:
        take_in(order, sha256, pieces(sources_of(order)[sha256]))


def test_what_is_lacking_is_brought_once(order: Order, tmp_path: Path) -> None:
    wanted = lacking(order)
    assert {*wanted} == {*sources_of(order)}
    bring(order, wanted)
    assert lacking(order) == []
    values = values_here(order)
    store = tmp_path / "a node" / "cache" / "inputs"
    for place in (Path(values["model"]["path"]), Path(values["adapters"]["path"])):
        assert store in place.parents
    assert Path(values["adapters"]["path"]).name == "adapters"
    assert load(values).adapters.names() == load(order["values"]).adapters.names()
    fingerprint = load(values).model.checkpoint().fingerprint()
    assert fingerprint == load(order["values"]).model.checkpoint().fingerprint()


def test_where_the_node_has_it_at_the_same_place_nothing_is_brought(
    order: Order, tiny_in: TinyIn, tmp_path: Path
) -> None:
    tiny_in(tmp_path / "a node" / "models")
    assert lacking(order) == []
    assert values_here(order)["model"]["path"] == f"{tmp_path}/a node/models/base"


def test_adapters_that_the_node_has_besides_are_served_by_no_job(
    order: Order, tiny_in: TinyIn, tmp_path: Path
) -> None:
    """By name they come before others, so that `adapters.count` would take them instead."""
    tiny_in(tmp_path / "a node" / "models")
    adapters = tmp_path / "a node" / "models" / "adapters"
    copytree(adapters / order["adapters"][0], adapters / "aardvark")
    assert lacking(order) == []
    assert "'aardvark' is on one of the two machines alone" in cause(order, tmp_path)


def cause(order: Order, tmp_path: Path) -> str:
    """Of the failure of a job that was carried out."""
    (tmp_path / "back").mkdir()
    unpack(carried_out(order), tmp_path / "back")
    return RunDirectory(tmp_path / "back").written_status().cause or ""


def test_of_what_changed_on_the_node_only_that_is_brought(
    order: Order, tiny_in: TinyIn, tmp_path: Path
) -> None:
    tiny_in(tmp_path / "a node" / "models")
    changed = tmp_path / "a node" / "models" / "base" / "config.json"
    changed.write_text(changed.read_text() + " ")
    base = next(each for keys, each in order["inputs"] if keys[0] == "model")
    assert {*lacking(order)} == {*base["files"].values()}
    with pytest.raises(UsageError, match=r"model\.path=.*something else is at that place.*copy it"):
        values_here(order)


def test_what_nobody_brought_is_named(order: Order) -> None:
    with pytest.raises(UsageError, match=r"model\.path=.*it isn't there: wanted with SHA-256"):
        values_here(order)


def test_damage_in_the_store_is_brought_anew(order: Order, tmp_path: Path) -> None:
    bring(order, lacking(order))
    model = Path(values_here(order)["model"]["path"])
    weights = model / "model.safetensors"
    content = weights.read_bytes()
    weights.chmod(0o644)
    weights.write_bytes(content[:-1])
    damaged = lacking(order)
    assert len(damaged) == 1
    bring(order, damaged)
    assert values_here(order)["model"]["path"] == str(model)
    assert weights.read_bytes() == content


def test_another_program_gets_nothing(order: Order) -> None:
    with pytest.raises(UsageError, match="another program than the sender's"):
        lacking(order | {"code": "0" * 64})  # type: ignore[arg-type]


def test_paths_below_the_project_or_the_program_are_below_those_of_the_node() -> None:
    order: Any = {"root": "/home/a/lab", "package": "/opt/python/site-packages/pipeline"}
    values = {
        "paths": {"root": "/home/a/lab", "cache": "/home/a/lab/runs/.cache"},
        "model": {"path": "/data/model", "like": "/home/a/laboratory", "layers": 2},
        "prompts": ["/home/a/lab/p.txt", None],
        "assets": "/opt/python/site-packages/pipeline/assets",
    }
    assert here(values, order) == {
        "paths": {"root": f"{ROOT}", "cache": f"{ROOT}/runs/.cache"},
        "model": {"path": "/data/model", "like": "/home/a/laboratory", "layers": 2},
        "prompts": [f"{ROOT}/p.txt", None],
        "assets": f"{PACKAGE}/assets",
    }
