"""What a decoder's forward pass needs beyond its dimensions, read from its `config.json`."""

import json
from dataclasses import dataclass
from typing import Any, Self

from pipeline.engines.multilora.rope import Rope
from pipeline.errors import UsageError
from pipeline.models.checkpoint import Checkpoint


@dataclass(frozen=True)
class Hyperparameters:
    """Constants of one decoder.

    Attributes:
        epsilon: added to the mean square in every RMS norm.
        rope: the rotary embedding.
        windows: per layer, how many positions a token sees, itself included; None for all.
    """

    epsilon: float
    rope: Rope
    windows: tuple[int | None, ...]

    @classmethod
    def read(cls, checkpoint: Checkpoint) -> Self:
        """Those of a checkpoint.

        Raises:
            UsageError: its activation or its rotary embedding isn't one this engine computes.
        """
        path = checkpoint.folder / "config.json"
        config = json.loads(path.read_text("utf-8"))
        if (activation := config.get("hidden_act", "silu")) != "silu":
            raise UsageError(f"{path}: hidden_act {activation!r}: multilora computes silu only")
        rope = Rope.from_config(config, checkpoint.architecture.head_dim, str(path))
        layers = checkpoint.architecture.layers
        return cls(config.get("rms_norm_eps", 1e-6), rope, _windows(config, layers))


def _windows(config: dict[str, Any], layers: int) -> tuple[int | None, ...]:
    mistral = config["model_type"] == "mistral"
    window = config.get("sliding_window")
    if window is None or not (mistral or config.get("use_sliding_window")):
        return (None,) * layers
    if kinds := config.get("layer_types"):
        return tuple(window if kind == "sliding_attention" else None for kind in kinds)
    first = 0 if mistral else config.get("max_window_layers", layers)
    return tuple(window if layer >= first else None for layer in range(layers))
