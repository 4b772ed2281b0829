"""Many random adapters, in rank classes, for speed work."""

import hashlib
import json
import os
import shutil
from itertools import cycle, islice
from pathlib import Path

from pydantic import Field, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import CONFIG, PREFIX, WEIGHTS
from pipeline.adapters.source import AdapterSource
from pipeline.errors import UsageError
from pipeline.models.architecture import PROJECTIONS, Architecture
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Synthetic(AdapterSource):
    """Settings: how many adapters, of which ranks, on which projections.

    Attributes:
        name: what the user typed.
        count: number of adapters.
        ranks: dealt to the adapters in turn.
        targets: projections that every adapter changes.
        alpha: scale of the update: alpha / rank.
        seed: of the random weights.
        cache: folder in which the adapters are kept.
    """

    name: str
    cache: Path
    count: PositiveInt = 8
    ranks: tuple[PositiveInt, ...] = Field(default=(16,), min_length=1)
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    alpha: PositiveFloat = 32.0
    seed: int = 0

    def __post_init__(self) -> None:
        if unknown := sorted({*self.targets} - {*PROJECTIONS}):
            raise UsageError(f"adapters.targets: {unknown[0]!r} isn't of {', '.join(PROJECTIONS)}")

    def names(self) -> tuple[str, ...]:
        """`lora-0000`, `lora-0001` and so on."""
        return tuple(f"lora-{index:04d}" for index in range(self.count))

    def check(self, architecture: Architecture) -> None:
        """They are made to fit."""

    def adapters(self, architecture: Architecture) -> tuple[Adapter, ...]:
        """The cached adapters; those not made yet are made, each whole or not at all."""
        recipe = json.dumps([repr(architecture), self.targets, self.alpha, self.seed])
        root = self.cache / "adapters" / hashlib.sha256(recipe.encode()).hexdigest()[:12]
        ranks = islice(cycle(self.ranks), self.count)
        made = []
        for index, (name, rank) in enumerate(zip(self.names(), ranks, strict=True)):
            folder = root / f"{name}-r{rank}"
            if not folder.is_dir():
                self._make(folder, architecture, rank, index)
            made.append(Adapter.open(name, folder, architecture))
        return tuple(made)

    def _make(self, folder: Path, architecture: Architecture, rank: int, index: int) -> None:
        import numpy as np
        from safetensors.numpy import save_file

        rng = np.random.default_rng([self.seed, index])
        tensors = {}
        for module, (out, in_) in architecture.modules().items():
            if module.rsplit(".", 1)[-1] in self.targets:
                for part, shape in (("A", (rank, in_)), ("B", (out, rank))):
                    values = rng.standard_normal(shape, dtype=np.float32) * 0.02
                    tensors[f"{PREFIX}{module}.lora_{part}.weight"] = values.astype(np.float16)
        draft = folder.with_name(f".{folder.name}.{os.getpid()}")
        draft.mkdir(parents=True)
        save_file(tensors, draft / WEIGHTS)
        (draft / CONFIG).write_text(json.dumps(self._config(rank), indent=2), "utf-8")
        try:
            draft.replace(folder)
        except OSError:
            shutil.rmtree(draft)

    def _config(self, rank: int) -> dict[str, object]:
        return {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": "synthetic",
            "r": rank,
            "lora_alpha": self.alpha,
            "target_modules": sorted(self.targets),
            "bias": "none",
            "inference_mode": True,
        }
