"""Which layers of a decoder have a sliding window, as transformers 5 tells from a `config.json`."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

FULL, SLIDING = "full_attention", "sliding_attention"
"""Kinds of layers: those that see all of a context, and those with a window."""
Windows = Literal[
    "none", "all", "typed", "asked", "wanted", "unturned", "alternate", "early", "pattern"
]
"""The laws:

- `none`: no layer ever; `all`: every layer, whatever `layer_types` says; `wanted`: the same, if
  `use_sliding_window` is true;
- the others go by `layer_types` where it is stated. Where it is silent:
  `typed`: every layer;
  `asked`: those from `max_window_layers` on, if `use_sliding_window` is true;
  `unturned`: those without a rotary embedding, if `use_sliding_window` is true;
  `alternate`: every other layer, from the first on;
  `early`: the same of those before `max_window_layers`, if `use_sliding_window` is true;
  `pattern`: all but each `sliding_window_pattern`th.
"""

ON_DEMAND = ("asked", "wanted", "unturned", "early")
"""Laws by which no layer has one unless `use_sliding_window` is true."""


def windowed(law: Windows, full: Mapping[str, Any], turned: Sequence[bool]) -> Sequence[bool]:
    """Per layer.

    Args:
        law: the family's.
        full: a `config.json` with what transformers fills in; its `sliding_window` isn't null.
        turned: per layer, whether it has a rotary embedding.
    """
    layers = range(full["num_hidden_layers"])
    if law == "none" or (law in ON_DEMAND and not full["use_sliding_window"]):
        return [False] * len(layers)
    if law not in ("all", "wanted") and (kinds := full.get("layer_types")):
        return [kind == SLIDING for kind in kinds]
    match law:
        case "asked":
            return [layer >= full["max_window_layers"] for layer in layers]
        case "unturned":
            return [not each for each in turned]
        case "alternate":
            return [layer % 2 == 0 for layer in layers]
        case "early":
            return [layer % 2 == 0 and layer < full["max_window_layers"] for layer in layers]
        case "pattern":
            return [(layer + 1) % full["sliding_window_pattern"] != 0 for layer in layers]
    return [True] * len(layers)
