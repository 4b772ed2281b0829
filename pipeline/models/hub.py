"""A base model named by its hub id: `model=hub` and `model=tinyllama`."""

from pydantic.dataclasses import dataclass

from pipeline.models.checkpoint import Checkpoint
from pipeline.models.hub_download import download
from pipeline.models.quantization import Quantization
from pipeline.models.source import ModelSource
from pipeline.settings import STRICT

FILES = ("*.safetensors", "*.safetensors.index.json", "config.json", "tokenizer*")
"""All that is fetched: no pickle and no code."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Hub(ModelSource):
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

    def checkpoint(self) -> Checkpoint:
        """The snapshot in the hub's local cache, downloaded the first time."""
        return Checkpoint.open(download(self.id, self.revision, FILES, key="model.id"))
