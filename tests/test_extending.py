"""An engine, a law, a metric and a profiler from outside: one file and one YAML each."""

import sys
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.compare.load import load
from pipeline.errors import UsageError
from pipeline.tracking.run_directory import RunDirectory

FILES = {
    "own_engine.py": '''
from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass

from pipeline.engines.noop import Noop, NoopSettings
from pipeline.inference.events import Token
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class StutterSettings(NoopSettings):
    token: int

    def build(self, serving):
        return Stutter(serving, self.token)


class Stutter(Noop):
    """Says one token, whatever it is asked."""

    def __init__(self, serving, token):
        super().__init__(serving)
        self._only = token

    def step(self):
        events = super().step()
        return [
            Token(each.request_id, each.at, self._only) if isinstance(each, Token) else each
            for each in events
        ]
''',
    "engine/stutter.yaml": """
_target_: own_engine.StutterSettings
name: stutter
precision: none
token: 7
""",
    "own_law.py": '''
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.popularity.law import Popularity


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Last(Popularity):
    """Everybody asks for the last adapter."""

    name: str

    def probabilities(self, n):
        return (0.0,) * (n - 1) + (1.0,)

    def draw(self, groups, n, rng):
        return [n - 1] * sum(groups)
''',
    "workload/popularity/last.yaml": """
_target_: own_law.Last
name: last
""",
    "own_metric.py": '''
from pydantic.dataclasses import dataclass

from pipeline.metrics.metric import Metric
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Distinct(Metric):
    """How many different tokens were made."""

    name: str
    ignored: tuple[int, ...] = ()

    def value(self, timeline):
        made = {token for each in timeline.requests for token in each.output_ids}
        return len(made - {*self.ignored})
''',
    "metrics/distinct.yaml": """
# @package metrics.distinct
_target_: own_metric.Distinct
name: distinct_tokens
ignored: []
""",
    "own_profiler.py": '''
from pydantic.dataclasses import dataclass

from pipeline.profilers.profiler import Profile, Tool
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Counter(Tool):
    """Serves the excerpt again, and writes down that it did."""

    def profile(self, subject):
        subject.replay()
        (subject.folder / "count.txt").write_text("1")
        return Profile({"count.txt": "open it"}, {"replays": 1.0})
''',
    "profiler/counter.yaml": """
_target_: own_profiler.Counter
name: counter
""",
}
CHOSEN = ("engine=stutter", "workload/popularity=last", "+metrics=distinct", "profiler=counter")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all of them, from which the command is given."""
    for name, text in FILES.items():
        path = tmp_path / "own" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip(), "utf-8")
    monkeypatch.chdir(tmp_path / "own")
    monkeypatch.syspath_prepend(tmp_path / "own")
    return tmp_path / "own"


def test_each_is_one_file_and_one_yaml(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = ("--config-dir", str(own), *CHOSEN, "adapters.count=3", "threads=1")
    short = ("workload.batch_size=2", "workload.iterations=2", "workload.max_new_tokens=4")
    here = (f"paths.runs={tmp_path}/runs", f"hydra.run.dir={tmp_path}/run", "tracking=none")
    monkeypatch.setattr(sys, "argv", ["pipeline", *typed, *short, *here, "fidelity.enabled=false"])
    assert main() == 0
    run = RunDirectory(tmp_path / "run")
    assert {each.error for each in run.requests()} == {None}
    assert {each.output_ids for each in run.requests()} == {(7,) * 4}
    assert len({each.adapter for each in run.requests()}) == 1
    metrics = run.json("metrics.json")
    assert metrics["distinct_tokens"] == 1 and metrics["replays"] == 1
    assert (run.profile / "count.txt").is_file()
    (found,) = load([tmp_path / "run"])
    assert found.number("distinct_tokens") == 1


def test_a_metric_can_not_take_the_name_of_one_there_is(own: Path, config: object) -> None:
    entry = "{_target_: own_metric.Distinct, name: ttft_s}"
    with pytest.raises(UsageError, match="metrics: ttft_s is a metric already"):
        config(f"+metrics.distinct={entry}")  # type: ignore[operator]
