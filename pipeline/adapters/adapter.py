"""An adapter that is known to fit a base model."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipeline.adapters.lora_file import CONFIG, PREFIX, WEIGHTS, LoraFile
from pipeline.adapters.variants import obstacle
from pipeline.errors import UsageError
from pipeline.models.architecture import Architecture
from pipeline.models.fingerprint import fingerprint
from pipeline.models.stored_shapes import Shapes
from pipeline.models.stored_shapes import expected as whole_tensors

BASE = "base"
"""What the base model is called where adapters are listed; no adapter may have this name."""


@dataclass(frozen=True)
class Adapter:
    """A named adapter and its file."""

    name: str
    lora: LoraFile

    @classmethod
    def open(cls, name: str, folder: Path, architecture: Architecture) -> Self:
        """The adapter in `folder`, checked tensor by tensor against the model's shape.

        Raises:
            UsageError: it has no name of its own, belongs to another base, or a tensor is missing,
                unexpected or of another shape.
        """
        if name in ("", BASE):
            raise UsageError(f"{folder}: an adapter can't be called {name!r}; rename it")
        lora = LoraFile.read(folder)
        if why := obstacle(lora.config, lora.shapes):
            raise UsageError(f"{folder}: can't be served: {why}")
        expected = _expected(lora, architecture)
        if not expected:
            raise UsageError(
                f"{folder}: target_modules {lora.config.get('target_modules')!r} match nothing in "
                f"this {architecture.family} model"
            )
        _nothing_else(lora, architecture)
        _compare(lora, expected, whole_tensors(architecture))
        return cls(name, lora)

    def check_numbers(self) -> Self:
        """The adapter itself, every number of its file looked at.

        Raises:
            UsageError: one is NaN or infinite.
        """
        if broken := self.lora.not_finite():
            raise UsageError(
                f"{self.folder / WEIGHTS}: {broken} holds NaN or infinity; train or save it again"
            )
        return self

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.lora.folder

    def fingerprint(self) -> str:
        """SHA-256 of its name and of everything that decides its effect."""
        return f"{self.name}:{fingerprint([self.folder / WEIGHTS, self.folder / CONFIG])}"


def hash_of(adapters: Iterable[Adapter]) -> str:
    """One hash for a set of adapters, in the order given."""
    import hashlib

    joined = "\n".join(adapter.fingerprint() for adapter in adapters)
    return hashlib.sha256(joined.encode()).hexdigest()


def _expected(lora: LoraFile, architecture: Architecture) -> Shapes:
    tensors: Shapes = {}
    for module, (out, in_) in architecture.modules().items():
        if lora.targets(module):
            rank = lora.rank(module)
            tensors[f"{PREFIX}{module}.lora_A.weight"] = (rank, in_)
            tensors[f"{PREFIX}{module}.lora_B.weight"] = (out, rank)
    return tensors


def _nothing_else(lora: LoraFile, architecture: Architecture) -> None:
    """PEFT begins anew, with random numbers, what is targeted and not in the file."""
    if lora.config.get("target_modules") == "all-linear":
        return
    for module in architecture.other_modules():
        if lora.targets(module) and not any(f"{module}.lora_" in name for name in lora.shapes):
            raise UsageError(
                f"{lora.folder}: target_modules name {module}, of which the file has no update; "
                "take it out of the list"
            )


def _compare(lora: LoraFile, expected: Shapes, whole: Shapes) -> None:
    """Args: expected: of the low-rank updates; whole: of the tensors that it may save whole."""
    where, shapes = lora.folder, lora.shapes
    if missing := sorted(expected.keys() - shapes.keys()):
        raise UsageError(
            f"{where}: {len(missing)} tensors are missing, such as {missing[0]}; it is cut short "
            "or made for another architecture"
        )
    for name, shape in expected.items():
        if shapes[name] != shape:
            raise UsageError(
                f"{where}: made for another architecture: {name} is "
                f"{list(shapes[name])}, this model needs {list(shape)}"
            )
    extra = sorted(shapes.keys() - expected.keys())
    for name in extra:
        wanted = whole.get(name.removeprefix(PREFIX), shapes[name])
        if shapes[name] != wanted:
            raise UsageError(
                f"{where}: saves {name} as {list(shapes[name])}, this model's is {list(wanted)}"
            )
    if extra and not lora.unusual():
        raise UsageError(
            f"{where}: {len(extra)} unexpected tensors, such as {extra[0]}; an adapter changes the "
            "seven projections that its config names, and nothing else"
        )
