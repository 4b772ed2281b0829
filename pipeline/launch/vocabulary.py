"""What there is to choose and to set: for messages that say what was probably meant."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_automatic_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.object_type import ObjectType
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

GROUPLESS = ("", "hydra")


class Vocabulary:
    """The groups under `conf/`, their choices, and the settings that some choices have."""

    def __init__(self, conf: Path, own: str | None = None, primary: str = "config") -> None:
        """Read `conf`, and the user's own folder of `--config-dir`, if any.

        Args:
            conf: the folder of the groups.
            own: the user's.
            primary: the file that lists the groups and the settings beside them.
        """
        self._primary = primary
        path = create_automatic_config_search_path(None, None, str(conf))
        if own is not None:
            anchor = SearchPathQuery(provider="schema")
            path.prepend(provider="command-line", path=f"file://{own}", anchor=anchor)
        self._loader = ConfigLoaderImpl(path)

    def options(self, group: str) -> list[str]:
        """The choices of a group, `workload/popularity` say; empty where there is no such group."""
        if not self._loader.repository.group_exists(group):
            return []
        return list(self._loader.get_group_options(group, ObjectType.CONFIG))

    def groups(self, above: str = "") -> Iterator[str]:
        """Every group, by its path."""
        for name in self._loader.list_groups(above):
            path = f"{above}/{name}" if above else name
            if path not in GROUPLESS:
                yield path
                yield from self.groups(path)

    def settings(self, choices: Iterable[str]) -> list[str]:
        """Dotted names of all settings there are with these choices; else of the default ones."""
        return list(_names(self._composed(choices)))

    def places(self) -> list[str]:
        """What chooses the components, as it is typed: `engine@fidelity.reference`."""
        return [*self._composed(())["hydra"]["runtime"]["choices"]]

    def _composed(self, choices: Iterable[str]) -> dict[str, Any]:
        for overrides in (list(choices), []):
            with suppress(HydraException, OmegaConfBaseException, ValueError):
                config = self._loader.load_configuration(self._primary, overrides, RunMode.RUN)
                plain = OmegaConf.to_container(config, resolve=False)
                assert isinstance(plain, dict)
                return {str(name): value for name, value in plain.items()}
        return {}


def meant(word: str, words: Iterable[str]) -> str:
    """`; did you mean …?` where one of the words is near; else nothing."""
    near = get_close_matches(word, [*words], n=1)
    return f"; did you mean {near[0]}?" if near else ""


def either(words: Sequence[str]) -> str:
    """`a, b or c`."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def _names(node: Mapping[Any, Any], above: str = "") -> Iterator[str]:
    for key, value in node.items():
        name = f"{above}{key}"
        if name != "hydra" and not name.endswith("_target_"):
            yield name
            if isinstance(value, Mapping):
                yield from _names(value, f"{name}.")
