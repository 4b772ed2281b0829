"""Every engine in every precision serves the embedded model well inside its own floors."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.metrics.floors import INVARIANT, MAX_EFFECT_ERROR, tolerance
from pipeline.stages.fidelity import judge
from tests.optional import OPTIONAL, needed

FOLDER = Path(__file__).parents[2] / "conf" / "arm"
PRECISIONS = sorted(
    path.stem
    for path in FOLDER.glob("*.yaml")
    if not path.stem.endswith("_interleaved") and not path.stem.startswith("server_")
)
"""Of engines in this process; tests/engines/openai has servers."""
SETUP = (
    "workload/popularity=round_robin",
    "workload.batch_size=16",
    "workload.iterations=1",
    "workload.max_new_tokens=8",
)
ROOM = 5
"""How many times the divergence of a correct engine fits into its limit, at least."""


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_correct_run_is_valid_with_room(precision: str, judging: Any) -> None:
    for engine in filter(precision.startswith, OPTIONAL):
        needed(engine)
    with judging(*SETUP, f"arm={precision}") as judged:
        findings = judged.findings()
        assert judge(judged.config, findings)[0] == ()
    kept = tolerance(judged.config.precision)
    assert len(findings.adapters) == 8
    for figures in findings.adapters.values():
        assert figures["mean_kl"] < kept.max_kl / ROOM
        assert figures["served_agreement"] > (1 + kept.min_agreement) / 2
    assert findings.overall["logit_error"] < kept.max_error
    most = INVARIANT if judged.config.engine.batch_invariant else kept.max_path_kl
    assert 0 <= findings.overall["path_kl"] < most / ROOM
    assert 0 <= findings.overall["effect_error"] < MAX_EFFECT_ERROR / ROOM


def test_an_engine_that_computes_nothing_is_not_checked(judging: Any) -> None:
    with judging(*SETUP, "engine=noop") as judged:
        findings = judged.findings()
        assert judge(judged.config, findings)[0] == ()
    assert findings.notes == ("engine=noop computes nothing",)
    assert set(findings.metrics([]).values()) == {"not measured"}
