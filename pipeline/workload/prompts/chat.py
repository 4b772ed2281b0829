"""How conversations reach a model: the settings of chat templates and system prompts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path

from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings import STRICT
from pipeline.workload.prompts.explicit import check_adapter
from pipeline.workload.text_file import read_text, shown, whole_text

KEY = "workload.chat"


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Chat:
    """Settings of `workload.chat`.

    Attributes:
        prompts: all prompts are what a user says; else only those that are of a conversation.
        template: a file with a Jinja template; None takes the model's own.
        system: the system prompt of conversations that have none: one for all, or by adapter.
        system_path: a JSON file that holds them by adapter.
    """

    prompts: bool = False
    template: Path | None = None
    system: str | Mapping[str, str] | None = field(default=None, hash=False)
    system_path: Path | None = None

    def __post_init__(self) -> None:
        if self.system is not None and self.system_path is not None:
            raise UsageError(f"{KEY}: give system or system_path, not both")

    def systems(self, adapters: Sequence[str | None]) -> dict[str | None, str]:
        """The system prompt of each adapter that has one.

        Raises:
            UsageError: the file can't be read, or names an adapter that isn't there.
        """
        if isinstance(self.system, str):
            return dict.fromkeys(adapters, whole_text(f"{KEY}.system", self.system))
        said = self.system or {}
        where = f"{KEY}.system"
        if self.system_path is not None:
            said, where = _object(self.system_path), f"{KEY}.system_path={self.system_path}"
        for name, text in said.items():
            check_adapter(where, name, adapters)
            if not isinstance(text, str):
                raise UsageError(f"{where}: the system prompt of {shown(name)} must be a text")
            whole_text(f"{where}: {shown(name)}", text)
        return {name: text for name, text in said.items()}


def without_chat() -> dict[str, str]:
    """The settings that change nothing where no prompt is a conversation, and why."""
    why = "no prompt is a conversation; workload.chat.prompts=true makes all of them one"
    return dict.fromkeys(("chat.template", "chat.system", "chat.system_path"), why)


def _object(path: Path) -> Mapping[str, str]:
    key = f"{KEY}.system_path"
    try:
        said = json.loads(read_text(key, path))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{key}={path}: isn't JSON ({error})") from error
    if not isinstance(said, dict):
        raise UsageError(f"{key}={path}: must be an object: a system prompt by adapter")
    return said
