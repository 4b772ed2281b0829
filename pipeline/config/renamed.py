"""Names that have changed: those of before are read as today's."""

import re
from collections.abc import Mapping
from typing import Any

_MOVED = {
    "": {"config.RunConfig": "config.run_config.RunConfig"},
    "adapters.": {
        "folder.Folder": "folder.FolderAdapters",
        "hub.Hub": "hub.HubAdapters",
        "synthetic.Synthetic": "synthetic.SyntheticAdapters",
    },
    "engines.": {
        "llama_cpp.settings.Settings": "llama_cpp.settings.LlamaCppSettings",
        "multilora.settings.Settings": "multilora.settings.MultiloraSettings",
        "noop.Settings": "noop.NoopSettings",
        "merged.Settings": "transformers.merged.MergedSettings",
        "peft_hotswap.Settings": "transformers.peft_hotswap.PeftHotswapSettings",
        "peft_mixed.Settings": "transformers.peft_mixed.PeftMixedSettings",
    },
    "models.": {
        "folder.Folder": "folder.FolderModel",
        "hub.Hub": "hub.HubModel",
        "synthetic.Synthetic": "synthetic.SyntheticModel",
    },
    "profilers.": {"torch_trace.TorchProfiler": "torch_trace.TorchTrace"},
    "tracking.": {"untracked.NoTracking": "tracker.NoTracking"},
    "workload.": {
        "arrivals.batch.Batch": "arrivals.batch.ClosedBatches",
        "arrivals.constant.Constant": "arrivals.renewal.Constant",
        "arrivals.gamma.Gamma": "arrivals.renewal.Gamma",
        "arrivals.poisson.Poisson": "arrivals.renewal.Poisson",
        "arrivals.replay.Replay": "arrivals.replay.StampedArrivals",
        "lengths.uniform.Uniform": "lengths.uniform.UniformLengths",
        "replay.Replay": "replay.ReplayedTrace",
    },
}

TARGETS = {
    f"pipeline.{room}{old}": f"pipeline.{room}{new}"
    for room, names in _MOVED.items()
    for old, new in names.items()
}
"""Classes of settings by the `_target_` that a `config.yaml` may still have, with today's."""

GROUPS = {"precision": "arm"}
"""Groups of `conf/`."""

ARMS = {
    **{f"llama_{each}": f"llama_cpp_{each}" for each in ("f16", "f32", "q8_0", "q4_0", "q4_k_m")},
    **{
        f"llama_{each}_interleaved": f"llama_cpp_{each}_interleaved"
        for each in ("f16", "q8_0", "q4_0")
    },
    **{f"peft_{each}": f"peft_hotswap_{each}" for each in ("fp32", "bf16", "int8", "nf4")},
    "mixed_fp32": "peft_mixed_fp32",
}
"""Choices of the group `arm`, which reports always called so."""

_OVERRIDE = re.compile(rf"(?P<sign>[+~]*)(?P<group>{'|'.join(GROUPS)})(?P<value>=.*)?", re.DOTALL)


def spelled_today(override: str) -> str:
    """An override of the command line as it would be typed today."""
    found = _OVERRIDE.fullmatch(override)
    if found is None:
        return override
    return f"{found['sign']}{GROUPS[found['group']]}{_choices_of_today(found['value'] or '')}"


def _choices_of_today(names: str) -> str:
    """Names of arms, or a sweep over them, as they are called today."""
    return re.sub(r"\w+", lambda name: ARMS.get(name[0], name[0]), names)


def current(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same configuration as it would be written today."""
    return {name: _current(name, value) for name, value in values.items()}


def _current(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return current(value)
    return TARGETS.get(value, value) if name == "_target_" else value
