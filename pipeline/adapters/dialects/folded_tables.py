"""LoRA on tables that were resized, folded into them.

PEFT saves tables of another size than the base's, whatever was trained, and so beside an update of
one of them. Table and update together are what the adapter has in the base's place: a table saved
whole, which says what the added tokens are, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.adapters.dialects.expert_stack import Made
from pipeline.adapters.lora_file import CONFIG, PREFIX, LoraFile
from pipeline.adapters.variants import TABLES, has_added_tokens
from pipeline.errors import UsageError
from pipeline.models.config import ModelConfig
from pipeline.models.safetensors_file import as_float32
from pipeline.models.safetensors_header import StoredTensor
from pipeline.models.weights import OpenWeights

_PARTS = {
    "lm_head": ("lora_A.weight", "lora_B.weight"),
    "embed_tokens": ("lora_embedding_A", "lora_embedding_B"),
}


@dataclass(frozen=True)
class TableUpdate:
    """Of one table.

    Attributes:
        lora: the adapter, as its file says.
        key: of `TABLES`.
        table: the resized one of the base that was trained on.
        names: of A and B.
        a: where A lies.
        b: where B lies.
    """

    lora: LoraFile
    key: str
    table: StoredTensor
    names: tuple[str, str]
    a: StoredTensor
    b: StoredTensor

    @property
    def module(self) -> str:
        """Path of the table inside the model."""
        return TABLES[self.key]

    @property
    def name(self) -> str:
        """Of the whole table, in PEFT's format."""
        return f"{PREFIX}{self.module}.weight"

    def read(self, opened: OpenWeights) -> NDArray[Any]:
        """The table with its update, fp32.

        Raises:
            UsageError: the configuration asks for no such update, or for one of another shape.
        """
        self._check()
        a, b, table = (as_float32(opened.read(each)) for each in (self.a, self.b, self.table))
        update = b @ a if self.key == "lm_head" else (b @ a).T
        return table + np.float32(self.lora.scaling(self.module)) * update

    def _check(self) -> None:
        module, (rows, hidden) = self.module, self.table.shape
        rank = self.lora.rank(module)
        wanted = ((rank, hidden), (rows, rank))
        if self.key == "embed_tokens":
            wanted = ((rank, rows), (hidden, rank))
        if not self.lora.targets(module) or (self.a.shape, self.b.shape) != wanted:
            raise UsageError(
                f"{self.lora.folder}: {self.names[0]} and {self.names[1]} aren't what its "
                f"configuration asks for: {module} needs {[*map(list, wanted)]}; correct {CONFIG}"
            )


def table_updates(
    lora: LoraFile,
    own: Mapping[str, StoredTensor],
    originals: Mapping[str, StoredTensor],
    model: ModelConfig,
) -> list[TableUpdate]:
    """Those that the file has beside resized tables.

    Args:
        lora: the adapter.
        own: its tensors, by PEFT's names.
        originals: the base's tensors among them, by the model's.
        model: the base.
    """
    found = []
    for key, module in TABLES.items():
        table = originals.get(f"{module}.weight")
        a, b = (f"{PREFIX}{module}.{part}" for part in _PARTS[key])
        there = {name for name in own if name.startswith(f"{PREFIX}{module}.lora_")}
        if table is None or there != {a, b}:
            continue
        if has_added_tokens(f"{module}.weight", table.shape, (model.vocabulary, model.hidden)):
            found.append(TableUpdate(lora, key, table, (a, b), own[a], own[b]))
    return found


def folded(
    config: Mapping[str, Any], made: Made, updates: list[TableUpdate]
) -> tuple[Mapping[str, Any], Made]:
    """Configuration and tensors of an adapter that saves those tables whole.

    What `modules_to_save` name is no target of PEFT's, whatever `target_modules` say.

    Args:
        config: its own.
        made: its tensors, updates of tables among them.
        updates: of its tables.
    """
    if not updates:
        return config, made
    gone = {name for each in updates for name in each.names}
    kept = {name: each for name, each in made.items() if name not in gone}
    whole: Made = {each.name: ("F32", each.table.shape, each.read) for each in updates}
    saved = [*(config.get("modules_to_save") or ()), *(each.key for each in updates)]
    return {**config, "modules_to_save": saved}, kept | whole
