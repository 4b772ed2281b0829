"""Names that have changed: what stands in run directories of before is read by those of today."""

import re
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
    return f"{found['sign']}{GROUPS[found['group']]}{choices_of_today(found['value'] or '')}"


def choices_of_today(names: str) -> str:
    """Names of arms, or a sweep over them, as they are called today."""
    return re.sub(r"\w+", lambda name: ARMS.get(name[0], name[0]), names)


def current(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same configuration as it would be written today."""
    return {name: _current(name, value) for name, value in values.items()}


def _current(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return current(value)
    return TARGETS.get(value, value) if name == "_target_" else value
