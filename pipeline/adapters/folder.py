"""Adapters in a folder, one subfolder each, or one that is there: `adapters=trained`, `=folder`."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.adapters.adapter import Adapter, check_name
from pipeline.adapters.dialects.dialect import is_gguf
from pipeline.adapters.lora_file import CONFIG
from pipeline.adapters.source import AdapterSource
from pipeline.errors import UsageError
from pipeline.models.config import ModelConfig
from pipeline.settings import STRICT, kept


@dataclass(frozen=True, config=STRICT, kw_only=True)
class FolderAdapters(AdapterSource):
    """Settings: a folder of adapter folders, or of one adapter.

    Attributes:
        name: what the user typed.
        path: with an `adapter_config.json`, or a `.gguf` file, it is one adapter of its own name;
            else each subfolder with one is an adapter, and each `.gguf` file.
        count: take only the first so many, by name; None takes all.
        cache: where adapters that PEFT didn't save are kept in its format; None for the user's.
    """

    name: str
    path: Path
    count: PositiveInt | None = None
    cache: Path | None = kept(None)

    def names(self) -> tuple[str, ...]:
        """The folder's own name, or those of what is in it, sorted."""
        if not self.path.is_dir() and not self._is_file():
            what = "not a folder" if self.path.exists() else "no such folder"
            raise UsageError(f"adapters.path={self.path}: {what}")
        found = sorted(self._folders())
        if not found:
            raise UsageError(
                f"adapters.path={self.path}: no subfolder holds an {CONFIG}, and no file "
                "in it is a .gguf"
            )
        if self.count and self.count > len(found):
            raise UsageError(
                f"adapters.count={self.count}: only {len(found)} adapters in {self.path}"
            )
        for name in found[: self.count]:
            check_name(name, f"adapters.path={self.path}")
        return tuple(found[: self.count])

    def adapters(self, model: ModelConfig) -> tuple[Adapter, ...]:
        """The adapters of those names."""
        names = self.names()
        folders = self._folders()
        return tuple(Adapter.open(each, folders[each], model, self.cache) for each in names)

    def reads(self) -> Mapping[str, Sequence[Path]]:
        """Of a folder of adapters those that are taken."""
        folders = self._folders()
        return {"path": [folders[each] for each in self.names()]}

    def _folders(self) -> dict[str, Path]:
        """By name: what a trainer left in subfolders of an adapter are stages of its making."""
        if self._is_file():
            return {self.path.stem: self.path}
        if (self.path / CONFIG).exists():
            return {Path(os.path.abspath(self.path)).name: self.path}
        found = {each.parent.name: each.parent for each in self.path.glob(f"*/{CONFIG}")}
        for file in filter(is_gguf, self.path.iterdir()):
            if file.stem in found:
                raise UsageError(
                    f"adapters.path={self.path}: {found[file.stem].name} and {file.name} are "
                    "adapters of one name; rename one of them"
                )
            found[file.stem] = file
        return found

    def _is_file(self) -> bool:
        return self.path.is_file() and is_gguf(self.path)
