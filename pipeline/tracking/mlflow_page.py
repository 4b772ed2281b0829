"""How MLflow's pages open: two views of the runs with the columns that matter, and links to them.

MLflow keeps what its button *Views* lists in tags of the experiment, as JSON.
"""

import json
import shlex
import time
from collections.abc import Mapping

from pipeline.metrics.tables import MLFLOW
from pipeline.places import CHECKOUT, ROOT

TAG = "mlflow.sharedViewState."
"""What the tag of a saved view begins with; its id, which links carry, follows."""

HOST, PORT = "127.0.0.1", 5000
SERVED = f"http://{HOST}:{PORT}"
"""Where `make ui` serves the pages."""

DEFAULT = f"sqlite:///{ROOT / 'mlruns' / 'mlflow.db'}"
"""The store that is served when nothing else is asked for."""

RUNS, SWEEPS = "runs", "sweeps"

COLUMNS = {
    "params.`engine`": 105,
    "params.`alpha`": 55,
    "params.`batch_size`": 80,
    **{f"metrics.`{name}`": width for name, width in MLFLOW.items()},
    "params.`precision`": 80,
    "params.`rate`": 60,
    "params.`concurrency`": 90,
    "params.`adapter_count`": 110,
    "params.`popularity`": 90,
    "tags.`validity`": 80,
}
"""Of both views, by MLflow's names for columns, in order: pixels of their width."""


def views() -> dict[str, str]:
    """Tags of an experiment: the runs one by one, and beneath their sweeps.

    MLflow folds jobs into their sweep's run wherever it sorts by when they were created. So the
    first has the fastest first, and its filter leaves no sweep's own run.
    """
    fastest = "metrics.`output_tokens_per_s`"
    unfolded = {"searchFilter": "params.engine != ''", "orderByKey": fastest}
    return {
        f"{TAG}{RUNS}": _view("Runs", unfolded),
        f"{TAG}{SWEEPS}": _view("Sweeps, to unfold", {"searchFilter": ""}),
    }


def serving(uri: str) -> str:
    """The command that serves the store at `uri`."""
    if CHECKOUT and uri == DEFAULT:
        return "make ui"
    return f"python -m pipeline.tracking.ui {shlex.quote(f'tracking.uri={uri}')}"


def link(server: str, experiment_id: str) -> str:
    """Address of the table of an experiment's runs, with its columns.

    Args:
        server: the address MLflow is served at.
        experiment_id: MLflow's.
    """
    view = f"workflowType=machine_learning&viewStateShareKey={RUNS}"
    return f"{server.rstrip('/')}/#/experiments/{experiment_id}/runs?{view}"


def _view(name: str, search: Mapping[str, str]) -> str:
    now = round(time.time() * 1000)
    state = {
        **search,
        "orderByAsc": False,
        "selectedColumns": list(COLUMNS),
        "columnOrder": list(COLUMNS),
        "columnWidths": COLUMNS,
        "runsHiddenMode": "SHOW_ALL",
    }
    return json.dumps(
        {"name": name, "createdAt": now, "updatedAt": now, "state": json.dumps(state)}
    )
