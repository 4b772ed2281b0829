"""Names that have changed: what stands in run directories of before is read by those of today."""

from collections.abc import Mapping
from typing import Any

_ENGINES = "pipeline.engines"

TARGETS = {
    "pipeline.config.RunConfig": "pipeline.config.run_config.RunConfig",
    f"{_ENGINES}.llama_cpp.settings.Settings": f"{_ENGINES}.llama_cpp.settings.LlamaCppSettings",
    f"{_ENGINES}.multilora.settings.Settings": f"{_ENGINES}.multilora.settings.MultiloraSettings",
    f"{_ENGINES}.noop.Settings": f"{_ENGINES}.noop.NoopSettings",
    f"{_ENGINES}.merged.Settings": f"{_ENGINES}.transformers.merged.MergedSettings",
    f"{_ENGINES}.peft_hotswap.Settings": (
        f"{_ENGINES}.transformers.peft_hotswap.PeftHotswapSettings"
    ),
    f"{_ENGINES}.peft_mixed.Settings": f"{_ENGINES}.transformers.peft_mixed.PeftMixedSettings",
    "pipeline.profilers.torch_trace.TorchProfiler": "pipeline.profilers.torch_trace.TorchTrace",
}
"""Classes of settings by the `_target_` that a `config.yaml` may still have, with today's."""


def current(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same configuration as it would be written today."""
    return {name: _current(name, value) for name, value in values.items()}


def _current(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return current(value)
    return TARGETS.get(value, value) if name == "_target_" else value
