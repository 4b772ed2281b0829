"""A law says whether chance has a part in it, and that is so: else its seed changes nothing."""

from pathlib import Path
from random import Random

import pytest

from tests.workload import golden

GROUPS = Path(__file__).parents[2] / "conf" / "workload"
DATA = "tests/workload/data"
AZURE = "workload.lengths.column=GeneratedTokens"
NEEDED = {
    "punica_zipf": ["workload.alpha=1.5", "workload.iterations=4"],
    "sglang_geometric": ["workload.alpha=1.5"],
    "punica_uniform": ["workload.iterations=8"],
    "jsonl": [f"workload.prompts.path={DATA}/prompts.jsonl"],
    "sharegpt": [f"workload.prompts.path={DATA}/sharegpt.json"],
    "from_file": [f"workload.lengths.path={DATA}/azure.csv", AZURE],
    "arrivals/replay": [f"workload.arrivals.path={DATA}/stamps.txt"],
}


class Watched(Random):
    """Knows whether anybody drew from it."""

    touched = False

    def random(self):
        self.touched = True
        return super().random()


def choices(group):
    return sorted(path.stem for path in (GROUPS / group).glob("*.yaml"))


def drawn(law, group):
    rng = Watched(0)
    if group == "arrivals":
        law.slots(rng)
    elif group == "popularity":
        law.deal([8, 8, 8, 8, 8, 8, 8, 8], 8, rng)
    elif group == "prompts":
        law.draw_for([0, 1, 0, 1], rng, golden.encode_words)
    else:
        law.draw(16, rng)
    return rng.touched


@pytest.mark.parametrize(
    ("group", "name"),
    [
        (group, name)
        for group in ("arrivals", "popularity", "prompts", "lengths")
        for name in choices(group)
    ],
)
def test_a_law_draws_where_it_says_so(group, name, config):
    needed = NEEDED.get(f"{group}/{name}", NEEDED.get(name, []))
    law = getattr(config(f"workload/{group}={name}", *needed).workload, group)
    assert drawn(law, group) is law.random
