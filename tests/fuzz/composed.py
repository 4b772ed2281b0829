"""A job as the command line composes it, for a fuzzer that changes what it reads."""

import json
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from pipeline import places
from pipeline.config.load import load, resolve
from pipeline.config.run_config import RunConfig

ROOT = Path(__file__).parents[2]
PROMPTS = ("To be", "A lighthouse at the sea, 1912.", "x = [1, 2]")


def composed(work: Path, *overrides: str) -> RunConfig:
    """A small job without adapters, unless the overrides say otherwise; it writes into `work`."""
    places.register()
    GlobalHydra.instance().clear()
    prompts = work / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"prompt": each}) + "\n" for each in PROMPTS), "utf-8")
    small = [
        *("adapters=none", "threads=1", "isolation=inline", "fidelity.enabled=false"),
        *("workload/prompts=jsonl", f"workload.prompts.path={prompts}", "workload.iterations=1"),
        *("workload.batch_size=3", "workload.warmup_iterations=0", "workload.max_new_tokens=3"),
        *(f"paths.runs={work}/runs", f"paths.mlruns={work}/mlruns", f"paths.cache={work}/cache"),
    ]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return load(resolve(compose("config", [*small, *overrides])))
