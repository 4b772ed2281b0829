"""Adapters named by hub ids: `adapters=hub` and `adapters=therapy_story`."""

from pathlib import Path

from pydantic.dataclasses import dataclass

from pipeline.adapters.adapter import Adapter, check_name
from pipeline.adapters.lora_file import CONFIG, WEIGHTS
from pipeline.adapters.source import AdapterSource
from pipeline.errors import UsageError
from pipeline.models.chat_template import TEMPLATE
from pipeline.models.config import ModelConfig
from pipeline.models.hub_download import download
from pipeline.models.tokenizer import TOKENIZER, TOKENIZER_CONFIG
from pipeline.settings import STRICT, kept

FILES = (WEIGHTS, CONFIG, TOKENIZER, TOKENIZER_CONFIG, TEMPLATE)
"""What is fetched of a repository: tokenizer and template are needed where tokens were added."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class HubAdapters(AdapterSource):
    """Settings: hub ids by the names they shall have here.

    Attributes:
        name: what the user typed.
        ids: `owner/repository` by adapter name, most popular first.
        revision: branch, tag or commit, the same for all.
        cache: where adapters that PEFT didn't save are kept in its format; None for the user's.
    """

    name: str
    ids: dict[str, str]
    revision: str = "main"
    cache: Path | None = kept(None)

    def names(self) -> tuple[str, ...]:
        """The names given."""
        if not self.ids:
            raise UsageError("adapters.ids: empty; give adapters.ids='{name: owner/repository}'")
        for name in self.ids:
            check_name(name, "adapters.ids")
        return tuple(self.ids)

    def adapters(self, model: ModelConfig) -> tuple[Adapter, ...]:
        """The adapters in the hub's local cache, downloaded the first time."""
        return tuple(
            Adapter.open(
                name,
                download(self.ids[name], self.revision, FILES, key=f"adapters.ids.{name}"),
                model,
                self.cache,
            )
            for name in self.names()
        )
