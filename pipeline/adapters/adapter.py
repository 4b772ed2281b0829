"""An adapter that is known to fit a base model."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from pipeline.adapters.added_tokens import (
    check_added_tokens,
    own_vocabulary,
    tokenizer_file,
    vocabulary_of,
)
from pipeline.adapters.dialects.base_copies import check_copies
from pipeline.adapters.dialects.dialect import read_adapter
from pipeline.adapters.lora_file import CONFIG, WEIGHTS, LoraFile
from pipeline.adapters.module_patterns import patterns_of
from pipeline.adapters.pattern_trial import try_patterns
from pipeline.adapters.tensor_check import check_tensors
from pipeline.adapters.variants import TABLES, obstacle
from pipeline.errors import UsageError
from pipeline.inference.token_vocabulary import TokenVocabulary
from pipeline.metrics.per_adapter import BASE
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig
from pipeline.models.files import fingerprint
from pipeline.places import user_cache

MAX_NAME_LENGTH = 160
"""Characters of a name, so that names of metrics that hold it aren't cut."""
MAX_FLOAT32 = 3.4028234e38
"""Of float32's numbers (IEEE 754)."""


@dataclass(frozen=True)
class Adapter:
    """A named adapter and its file."""

    name: str
    lora: LoraFile

    @classmethod
    def open(cls, name: str, folder: Path, model: ModelConfig, cache: Path | None = None) -> Self:
        """The adapter in `folder`, checked tensor by tensor against the model's shape.

        Args:
            name: that requests call it by.
            folder: where PEFT, or another of `pipeline.adapters.dialects`, has saved it.
            model: the base model's configuration.
            cache: where another dialect is kept in PEFT's; None for the user's own cache.

        Raises:
            UsageError: it has no name of its own, belongs to another base, one of its patterns
                takes for ever, or a tensor is missing, unexpected or of another shape.
        """
        check_name(name, str(folder))
        lora, conversion = read_adapter(folder, model)
        where = str(folder / CONFIG)
        names = (*model.every_module(), *model.routed_modules())
        try_patterns(tuple(patterns_of(lora.config)), names, where)
        if why := obstacle(lora.config, lora.shapes):
            raise UsageError(f"{folder}: can't be served: {why}")
        lora = replace(lora, vocabulary=own_vocabulary(lora, model))
        check_tensors(lora, replace(model, vocabulary=lora.vocabulary or model.vocabulary))
        _check_scaling(lora, model)
        if conversion is not None:
            lora = conversion.kept(lora, model, cache or user_cache())
        return cls(name, lora)

    def check_numbers(self) -> Self:
        """The adapter itself, every number of its file looked at.

        Raises:
            UsageError: one is NaN or infinite.
        """
        if broken := self.lora.not_finite():
            raise UsageError(
                f"{self.lora.origin or self.folder / WEIGHTS}: {broken} holds NaN or infinity; "
                "train or save it again"
            )
        return self

    def check_base(self, base: Checkpoint) -> Self:
        """The adapter itself, whatever it says of its base held against that.

        Raises:
            UsageError: its copies of the base's tensors are others, or so is its tokenizer.
        """
        check_copies(self.lora, base)
        check_added_tokens(self.lora, base)
        return self

    @property
    def folder(self) -> Path:
        """Where it lies as PEFT saves adapters."""
        return self.lora.folder

    @property
    def folders(self) -> tuple[Path, ...]:
        """The same, and where it came from, if that is another."""
        return (self.folder, *([self.lora.origin] if self.lora.origin else []))

    def vocabulary(self) -> TokenVocabulary | None:
        """Its own, read now; None where it has the base's."""
        return vocabulary_of(self.lora)

    def fingerprint(self) -> str:
        """SHA-256 of its name and of everything that decides its effect."""
        own = [tokenizer_file(self.lora)] if self.lora.vocabulary else []
        return f"{self.name}:{fingerprint([self.folder / WEIGHTS, self.folder / CONFIG, *own])}"


def hash_of(adapters: Iterable[Adapter]) -> str:
    """One hash for a set of adapters, in the order given."""
    import hashlib

    joined = "\n".join(adapter.fingerprint() for adapter in adapters)
    return hashlib.sha256(joined.encode()).hexdigest()


def check_name(name: str, where: str) -> None:
    """Refuse a name that can't be told from the base, or can't be written in a line of text.

    Raises:
        UsageError: with the name.
    """
    if name in ("", BASE) or not name.isprintable() or len(name) > MAX_NAME_LENGTH:
        raise UsageError(
            f"{ascii(where)[1:-1]}: an adapter can't be called {ascii(name)[:MAX_NAME_LENGTH]}; "
            f"rename it: at most {MAX_NAME_LENGTH} printable characters, not {BASE!r}"
        )


def _check_scaling(lora: LoraFile, model: ModelConfig) -> None:
    """Engines multiply in float32."""
    experts = (*model.expert_modules(), *model.expert_stacks())
    for module in filter(lora.targets, (*model.modules(), *experts, *TABLES.values())):
        if abs(scaling := lora.scaling(module)) > MAX_FLOAT32:
            raise UsageError(
                f"{lora.folder / CONFIG}: scales the update of {module} by {scaling:.3g}, for "
                "which float32 has no number; correct lora_alpha or alpha_pattern"
            )
