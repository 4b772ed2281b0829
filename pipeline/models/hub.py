"""A base model named by its hub id: `model=hub` and `model=tinyllama`."""

from collections.abc import Sequence
from pathlib import Path

from pydantic.dataclasses import dataclass

from pipeline.models.checkpoint import BESIDE, Checkpoint
from pipeline.models.hub_download import download
from pipeline.models.quantization import Quantization
from pipeline.models.source import ModelSource
from pipeline.models.weight_files import INDEX, SINGLE, shards
from pipeline.settings import STRICT

FILES = (*BESIDE, SINGLE, INDEX)
"""All that is fetched, and the shards that an index names: what counts, no pickle and no code."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class HubModel(ModelSource):
    """Settings: a repository of the hub, and which revision of it.

    Attributes:
        name: what the user typed.
        id: `owner/repository`.
        revision: branch, tag or commit; a commit pins what is measured.
        quantization: how the PEFT engines store its weights.
    """

    name: str
    id: str
    revision: str = "main"
    quantization: Quantization = Quantization.NONE

    @property
    def public_name(self) -> str:
        """Its id, as everybody's."""
        return self.id

    def checkpoint(self) -> Checkpoint:
        """The snapshot in the hub's local cache, downloaded the first time."""
        folder = self._fetch(FILES)
        if not (folder / SINGLE).is_file() and (folder / INDEX).is_file():
            folder = self._fetch(shards(folder / INDEX))
        return Checkpoint.open(folder)

    def _fetch(self, files: Sequence[str]) -> Path:
        return download(self.id, self.revision, files, key="model.id")
