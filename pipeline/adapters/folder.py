"""Adapters in a folder, one subfolder each: `adapters=trained` and `adapters=folder`."""

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
    """Settings: a folder of adapter folders.

    Attributes:
        name: what the user typed.
        path: each subfolder with an `adapter_config.json` is an adapter of that name.
        count: take only the first so many, by name; None takes all.
    """

    name: str
    path: Path
    count: PositiveInt | None = None

    def names(self) -> tuple[str, ...]:
        """The subfolders' names, sorted."""
        if not self.path.is_dir():
            what = "not a folder" if self.path.exists() else "no such folder"
            raise UsageError(f"adapters.path={self.path}: {what}")
        found = sorted(each.parent.name for each in self.path.glob(f"*/{CONFIG}"))
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
        return tuple(Adapter.open(name, self.path / name, model) for name in self.names())
