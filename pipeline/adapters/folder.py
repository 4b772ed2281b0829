"""Adapters in a folder, one subfolder each, or one that is there: `adapters=trained`, `=folder`."""

import os
from pathlib import Path

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.adapters.adapter import Adapter, check_name
from pipeline.adapters.lora_file import CONFIG
from pipeline.adapters.source import AdapterSource
from pipeline.errors import UsageError
from pipeline.models.config import ModelConfig
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class FolderAdapters(AdapterSource):
    """Settings: a folder of adapter folders, or of one adapter.

    Attributes:
        name: what the user typed.
        path: with an `adapter_config.json` it is one adapter of its own name; else each subfolder
            with one is an adapter.
        count: take only the first so many, by name; None takes all.
        cache: where adapters that PEFT didn't save are kept in its format; None for the user's.
    """

    name: str
    path: Path
    count: PositiveInt | None = None
    cache: Path | None = None

    def names(self) -> tuple[str, ...]:
        """The folder's own name, or the subfolders', sorted."""
        if not self.path.is_dir():
            what = "not a folder" if self.path.exists() else "no such folder"
            raise UsageError(f"adapters.path={self.path}: {what}")
        found = sorted(self._folders())
        if not found:
            raise UsageError(f"adapters.path={self.path}: no subfolder holds an {CONFIG}")
        if self.count and self.count > len(found):
            raise UsageError(
                f"adapters.count={self.count}: only {len(found)} adapters in {self.path}"
            )
        for name in found[: self.count]:
            check_name(name, f"adapters.path={self.path}")
        return tuple(found[: self.count])

    def adapters(self, model: ModelConfig) -> tuple[Adapter, ...]:
        """The adapters of those names."""
        folders = self._folders()
        return tuple(Adapter.open(each, folders[each], model, self.cache) for each in self.names())

    def _folders(self) -> dict[str, Path]:
        """By name: what a trainer left in subfolders of an adapter are stages of its making."""
        if (self.path / CONFIG).exists():
            return {Path(os.path.abspath(self.path)).name: self.path}
        return {each.parent.name: each.parent for each in self.path.glob(f"*/{CONFIG}")}
