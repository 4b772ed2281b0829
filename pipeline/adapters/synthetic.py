"""Many random adapters, in rank classes, for speed work."""

import hashlib
import json
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveFloat
from pydantic.dataclasses import dataclass

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import CONFIG, PREFIX, WEIGHTS, LoraFile
from pipeline.adapters.source import AdapterSource
from pipeline.errors import UsageError
from pipeline.files.atomic import whole_folder
from pipeline.models.config import ModelConfig
from pipeline.models.family import ATTENTION, PROJECTIONS
from pipeline.settings import STRICT, Seed, kept

Count = Annotated[int, Field(ge=1, le=100_000)]
"""Of adapters: every one of them is a folder."""

Rank = Annotated[int, Field(ge=1, le=100_000)]
"""Beyond any model's width there is nothing to gain."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class SyntheticAdapters(AdapterSource):
    """Settings: how many adapters, of which ranks, on which projections.

    Attributes:
        name: what the user typed.
        count: number of adapters.
        ranks: dealt to the adapters in turn.
        targets: projections that every adapter changes; where a model stores several of them as
            one, that one.
        alpha: scale of the update: alpha / rank.
        seed: of the random weights.
        cache: folder in which the adapters are kept.
    """

    name: str
    cache: Path = kept()
    count: Count = 8
    ranks: tuple[Rank, ...] = Field(default=(16,), min_length=1)
    targets: tuple[str, ...] = Field(default=("q_proj", "k_proj", "v_proj", "o_proj"), min_length=1)
    alpha: PositiveFloat = 32.0
    seed: Seed = 0

    def __post_init__(self) -> None:
        if unknown := sorted({*self.targets} - {*PROJECTIONS}):
            raise UsageError(f"adapters.targets: {unknown[0]!r} isn't of {', '.join(PROJECTIONS)}")

    def names(self) -> tuple[str, ...]:
        """`lora-0000`, `lora-0001` and so on."""
        return tuple(f"lora-{index:04d}" for index in range(self.count))

    def preview(self, model: ModelConfig) -> tuple[Adapter, ...]:
        """The adapters as they will be: they are made to fit."""
        shapes = {rank: self._shapes(model, rank) for rank in {*self.ranks}}
        return tuple(
            Adapter(name, LoraFile(folder, self._config(model, rank), shapes[rank]))
            for name, (folder, rank) in self._placed(model)
        )

    def adapters(self, model: ModelConfig) -> tuple[Adapter, ...]:
        """The cached adapters; those not made yet are made, each whole or not at all."""
        made = []
        for index, (name, (folder, rank)) in enumerate(self._placed(model)):
            if not folder.is_dir():
                self._make(folder, model, rank, index)
            made.append(Adapter.open(name, folder, model))
        return tuple(made)

    def _placed(self, model: ModelConfig) -> Iterator[tuple[str, tuple[Path, int]]]:
        """Every name with the folder where it lies or will lie, and its rank."""
        recipe = json.dumps([model.recipe_line, self.targets, self.alpha, self.seed])
        root = self.cache / "adapters" / hashlib.sha256(recipe.encode()).hexdigest()[:12]
        for name, rank in zip(self.names(), cycle(self.ranks), strict=False):
            yield name, (root / f"{name}-r{rank}", rank)

    def _shapes(self, model: ModelConfig, rank: int) -> dict[str, tuple[int, int]]:
        shapes = {}
        for module, (out, in_) in self._targets(model).items():
            shapes[f"{PREFIX}{module}.lora_A.weight"] = (rank, in_)
            shapes[f"{PREFIX}{module}.lora_B.weight"] = (out, rank)
        return shapes

    def _targets(self, model: ModelConfig) -> dict[str, tuple[int, int]]:
        """The modules that are adapted; beside experts those of attention alone."""
        wanted = {*self.targets} & {*ATTENTION} if model.experts else self.targets
        names, modules = model.family.holding(wanted), model.modules()
        return {each: size for each, size in modules.items() if each.rsplit(".", 1)[-1] in names}

    def _make(self, folder: Path, model: ModelConfig, rank: int, index: int) -> None:
        import numpy as np
        from safetensors.numpy import save_file

        rng = np.random.default_rng([self.seed, index])
        tensors = {
            name: (rng.standard_normal(shape, dtype=np.float32) * 0.02).astype(np.float16)
            for name, shape in self._shapes(model, rank).items()
        }
        with whole_folder(folder) as draft:
            save_file(tensors, draft / WEIGHTS)
            (draft / CONFIG).write_text(json.dumps(self._config(model, rank), indent=2), "utf-8")

    def _config(self, model: ModelConfig, rank: int) -> dict[str, object]:
        return {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": "synthetic",
            "r": rank,
            "lora_alpha": self.alpha,
            "target_modules": sorted({each.rsplit(".", 1)[-1] for each in self._targets(model)}),
            "bias": "none",
            "inference_mode": True,
        }
