"""The table in docs/engines.md says what the engines do."""

import json
import shutil
from pathlib import Path
from typing import Any, get_args

import pytest

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import CONFIG
from pipeline.engines.engine import Engine
from pipeline.errors import UsageError
from pipeline.metrics.timeline import RequestRecord
from pipeline.stages.build import build
from pipeline.stages.replay import Replay

ROOT = Path(__file__).parents[1]
FEATURES = (ROOT / "docs" / "engines.md").read_text("utf-8").partition("\n## ")[0].splitlines()
TABLE = [[cell.strip() for cell in line.split("|")[1:-1]] for line in FEATURES if line[:1] == "|"]
ROWS = {row[0].strip("`"): dict(zip(TABLE[0][1:], row[1:], strict=True)) for row in TABLE[2:]}


def test_every_engine_has_a_row() -> None:
    assert set(ROWS) == {path.stem for path in (ROOT / "conf" / "engine").glob("*.yaml")}


@pytest.mark.parametrize("engine", ROWS)
def test_precisions_and_bases(engine: str, config: Any) -> None:
    settings = config(f"engine={engine}").engine
    row = ROWS[engine]
    precisions = type(settings).__dataclass_fields__["precision"].type
    assert row["precision"].split(", ") == list(get_args(precisions))
    assert row["quantised base"].split(", ") == sorted(
        settings.quantizations, key=lambda each: (each != "none", each)
    )


@pytest.mark.parametrize("engine", ROWS)
def test_what_is_beyond_plain_lora_is_served_or_refused(
    engine: str, config: Any, prepared: Any, tmp_path: Path
) -> None:
    settings, ready = config(f"engine={engine}"), prepared("adapters.count=1")
    plain = ready.adapters[0]
    shutil.copytree(plain.folder, tmp_path / "dora")
    said = json.loads((plain.folder / CONFIG).read_text("utf-8"))
    (tmp_path / "dora" / CONFIG).write_text(json.dumps(said | {"use_dora": True}), "utf-8")
    dora = Adapter.open("dora", tmp_path / "dora", ready.checkpoint.architecture)
    if ROWS[engine]["LoRA beyond plain"] == "yes":
        settings.engine.check(ready.checkpoint, {"dora": dora})
    else:
        with pytest.raises(UsageError, match="use_dora"):
            settings.engine.check(ready.checkpoint, {"dora": dora})


@pytest.mark.parametrize("engine", ROWS)
def test_mixing_and_scoring(engine: str, config: Any, prepared: Any) -> None:
    overrides = (
        *(f"engine={engine}", "adapters.count=2", "workload/popularity=distinct"),
        *("workload.batch_size=2", "workload.iterations=1", "workload.max_new_tokens=4"),
    )
    settings, ready = config(*overrides), prepared(*overrides)
    with build(settings, ready) as built:
        _, rows = Replay(built.engine, ready.trace.iterations[0], None).run(0)
        scored = can_score(built.engine)
    assert (ROWS[engine]["adapters in one forward"] == "several") == together(rows)
    assert (ROWS[engine]["scores"] == "yes") == scored


def together(rows: list[RequestRecord]) -> bool:
    """Whether every request had its first token before any was finished."""
    return max(row.tokens[0] for row in rows) < min(row.finished for row in rows)


def can_score(engine: Engine) -> bool:
    return engine.score(None, [5, 6, 7], [8, 9]) is not None
