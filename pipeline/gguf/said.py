"""What a GGUF file says of its architecture."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from pipeline.errors import UsageError
from pipeline.gguf.cursor import Length
from pipeline.gguf.file import GgufFile
from pipeline.models.files import is_number

KNOWN = {
    *("vocab_size", "context_length", "embedding_length", "block_count", "feed_forward_length"),
    *("attention.head_count", "attention.head_count_kv", "attention.layer_norm_rms_epsilon"),
    *("attention.key_length", "attention.value_length", "rope.dimension_count", "rope.freq_base"),
    *("rope.scaling.type", "rope.scaling.factor", "rope.scale_linear", "rope.scaling.finetuned"),
    *("rope.scaling.original_context_length", "rope.scaling.yarn_beta_fast"),
    *("expert_count", "expert_used_count", "expert_feed_forward_length"),
    "expert_shared_feed_forward_length",
    *("rope.scaling.yarn_beta_slow", "tensor_data_layout", "attention.causal"),
}
"""Keys behind the architecture's name that are read, or change nothing."""


@dataclass(frozen=True)
class Said:
    """Values by keys without the architecture's name.

    Attributes:
        file: that says so.
        architecture: llama.cpp's name of it.
    """

    file: GgufFile
    architecture: str

    @classmethod
    def of(cls, file: GgufFile) -> Self:
        """What it says.

        Raises:
            UsageError: it holds no model, or only a part of one.
        """
        if file.metadata.get("general.type", "model") != "model":
            raise UsageError(
                f"{file.path}: general.type is {file.metadata['general.type']!r:.80}, not a model; "
                "an adapter is served beside its base"
            )
        if (parts := file.metadata.get("split.count", 1)) != 1:
            raise UsageError(
                f"{file.path}: one of {parts} parts of a file; join them with llama.cpp's "
                "llama-gguf-split --merge"
            )
        return cls(file, str(file.metadata.get("general.architecture")))

    def get(self, key: str, default: Any = None) -> Any:
        """The value, numbers of 32 bits as whoever wrote them meant them; or the default.

        Raises:
            UsageError: it is an array, with a value for each layer.
        """
        found = self.file.metadata.get(f"{self.architecture}.{key}", default)
        if isinstance(found, Length):
            raise UsageError(
                f"{self.file.path}: {self.architecture}.{key} differs from layer to layer, which "
                "no engine here serves"
            )
        return shortest(found) if isinstance(found, float) else found

    def __getitem__(self, key: str) -> Any:
        if (found := self.get(key)) is None:
            raise UsageError(
                f"{self.file.path}: {self.architecture}.{key} is missing; "
                "convert or fetch the model again"
            )
        return found

    def count(self, key: str, default: int | None = None) -> int:
        """The value, if it is a whole number above 0.

        Raises:
            UsageError: it isn't, or is missing and there is no default.
        """
        found = self[key] if default is None else self.get(key, default)
        if type(found) is not int or not 0 < found < 1 << 31:
            raise UsageError(
                f"{self.file.path}: {self.architecture}.{key} is {found!r:.80}, not a whole number "
                "above 0; convert or fetch the model again"
            )
        return found

    def number(self, key: str, default: float) -> float:
        """The value, if it is a finite number.

        Raises:
            UsageError: it isn't.
        """
        found = self.get(key, default)
        if not is_number(found):
            raise UsageError(
                f"{self.file.path}: {self.architecture}.{key} is {found!r:.80}, not a number"
            )
        return float(found)

    def refuse_unknown(self, own: Collection[str]) -> None:
        """Refuse what is computed otherwise for a reason that isn't known here.

        Args:
            own: keys that are known of this architecture alone.

        Raises:
            UsageError: with the key.
        """
        start = f"{self.architecture}."
        for key, value in self.file.metadata.items():
            if key.startswith(start) and key.removeprefix(start) not in (*KNOWN, *own):
                raise UsageError(
                    f"{self.file.path}: says {key} ({value!r:.40}), which isn't known here and may "
                    "change what the model computes; serve the original checkpoint"
                )


def shortest(number: float) -> float:
    """The decimal with the fewest digits that is the same number in 32 bits: 1e-05 for 1e-05."""
    return float(str(np.float32(number)))
