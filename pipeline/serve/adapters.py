"""Who can be named as `model`: the base, and the adapters that are served now."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from time import time

from pipeline.errors import shown
from pipeline.serve.errors import ApiError
from pipeline.serve.keys import CALLER


class ServedNames:
    """The base model's name, and the adapters by theirs.

    Attributes:
        base: the base model's.
        folders: where each adapter's files are, in the order in which they came.
        since: when each could be named from, seconds since 1970, the base's too.
    """

    def __init__(self, base: str, folders: Mapping[str, Path]) -> None:
        self.base, self.folders = base, dict(folders)
        self.since = dict.fromkeys([base, *folders], int(time()))

    def __contains__(self, name: object) -> bool:
        return name == self.base or name in self.folders

    def add(self, name: str, folder: Path) -> None:
        """From now on an adapter, or another one, is served under a name."""
        self.folders[name], self.since[name] = folder, int(time())

    def remove(self, name: str) -> None:
        """One is served no more."""
        del self.folders[name], self.since[name]

    def adapter(self, model: str | None) -> str | None:
        """The adapter that a request's `model` names; None for the base, or where it names none.

        Raises:
            ApiError: it names nothing that is served to whoever asks; the base's answer would be a
                wrong one.
        """
        asked = self.base if model is None else model
        if asked not in self or not CALLER.get().may_ask(asked):
            raise ApiError(
                f"The model {shown(asked)} does not exist.", HTTPStatus.NOT_FOUND, param="model"
            )
        return None if asked == self.base else asked
