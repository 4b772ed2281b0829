"""An engine that serves other adapters than it was asked for, and adapters nearly right."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import CONFIG, WEIGHTS
from pipeline.inference.engine import Engine
from pipeline.inference.request import Request
from pipeline.stages.prepare import Prepared

Tensors = dict[str, np.ndarray]
Name = str | None


class Misnamed:
    """Serves each request by another adapter's weights, but scores by the right ones."""

    def __init__(self, engine: Engine, served: Callable[[Name], Name]) -> None:
        self._engine, self._served = engine, served

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def submit(self, request: Request) -> None:
        self._engine.submit(replace(request, adapter=self._served(request.adapter)))


def scaled(factor: float) -> Callable[[Tensors], Tensors]:
    """B times a factor."""
    return lambda tensors: {
        name: each * each.dtype.type(factor) if "lora_B" in name else each
        for name, each in tensors.items()
    }


def without_the_last_layer(tensors: Tensors) -> Tensors:
    """As if that one's adapter had been forgotten."""
    last = max(int(name.split(".layers.")[1].split(".")[0]) for name in tensors)
    return _silenced(tensors, f".layers.{last}.")


def without_a_module(tensors: Tensors) -> Tensors:
    """As if one projection's adapter had been forgotten, in all layers."""
    first = sorted(name.split(".lora_")[0].rpartition(".")[2] for name in tensors)[0]
    return _silenced(tensors, f".{first}.")


NEARLY_RIGHT: Mapping[str, Callable[[Tensors], Tensors]] = {
    "a_tenth_weaker": scaled(0.9),
    "a_tenth_stronger": scaled(1.1),
    "without_the_last_layer": without_the_last_layer,
    "without_a_module": without_a_module,
}


def nearly_right(prepared: Prepared, folder: Path) -> list[Adapter]:
    """Every adapter of a run once more in each of these ways, as `name.way`."""
    return [
        _changed(adapter, way, folder / way / adapter.name, prepared)
        for way in NEARLY_RIGHT
        for adapter in prepared.adapters
    ]


def _changed(adapter: Adapter, way: str, path: Path, prepared: Prepared) -> Adapter:
    path.mkdir(parents=True)
    shutil.copy(adapter.folder / CONFIG, path)
    save_file(NEARLY_RIGHT[way](load_file(adapter.folder / WEIGHTS)), path / WEIGHTS)
    return Adapter.open(f"{adapter.name}.{way}", path, prepared.checkpoint.config)


def _silenced(tensors: Tensors, where: str) -> Tensors:
    return {
        name: np.zeros_like(each) if "lora_B" in name and where in name else each
        for name, each in tensors.items()
    }
