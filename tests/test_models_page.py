"""The table of adapters' features in docs/models.md says what the engines do."""

from pathlib import Path

import pytest

from pipeline.adapters.variants import VARIANTS

PAGE = (Path(__file__).parents[1] / "docs" / "models.md").read_text("utf-8")
LINES = PAGE.partition("a test reads this table:")[2].strip().partition("\n\n")[0].splitlines()
HEAD, _, *ROWS = [
    [cell.strip().removesuffix(" among the targets").strip("`") for cell in line.split("|")[1:-1]]
    for line in LINES
]


def test_every_feature_has_a_row():
    assert {row[0] for row in ROWS} >= {*VARIANTS}


@pytest.mark.parametrize("engine", HEAD[1:])
def test_an_engine_serves_what_its_column_says(engine, config):
    served = {row[0] for row in ROWS if row[HEAD.index(engine)] == "yes"}
    assert served & {*VARIANTS} == config(f"engine={engine}").engine.variants & {*VARIANTS}
