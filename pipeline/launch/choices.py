"""What a command line and its experiments choose, by the place in the configuration."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from hydra._internal.config_repository import CachingConfigRepository
from hydra.core.default_element import ConfigDefault, GroupDefault
from hydra.core.override_parser.types import Override
from hydra.plugins.config_source import ConfigResult
from omegaconf import OmegaConf

from pipeline.errors import UsageError, shortened
from pipeline.settings import leaves

EXPERIMENTS = "experiment/"
TOGETHER = "arm"
"""The group whose choices are choices of other groups, with values of theirs."""
MEANT = ("engine.precision", "engine.policy", "model.quantization")
"""What the name of such a choice says beside the engine. Whatever else it sets, such as how a
server is started, may be set otherwise beside it."""


@dataclass(frozen=True)
class Choice:
    """A file that was chosen for a place in the configuration."""

    group: str
    name: str

    @property
    def path(self) -> str:
        """Of the file, below `conf/`."""
        return f"{self.group}/{self.name}"


class Choices:
    """What was typed, and what the experiments choose that were typed.

    Attributes:
        typed: choices of the command line by place; what `arm=` chooses, too.
        together: values that `arm=` sets.
        own: names that the experiments themselves choose, by place.
    """

    def __init__(self, files: CachingConfigRepository, overrides: Sequence[Override]) -> None:
        """Look into the files that were chosen.

        Raises:
            UsageError: what was typed contradicts itself.
        """
        self._files = files
        self._overrides = [each for each in overrides if not each.is_sweep_override()]
        self.together: dict[str, Any] = {}
        self.typed = dict(self._typed())
        self.own = self._of_experiments()

    def names(self, group: str) -> bool:
        """Whether the command line itself chooses of that group."""
        return any(each.key_or_group == group for each in self._overrides)

    def load(self, path: str) -> ConfigResult | None:
        """A file as it is written."""
        return CachingConfigRepository.load_config(self._files, path)

    def overriding(self, path: str) -> Iterator[tuple[str, Choice]]:
        """What a file chooses for other places than its own, or those do that it is made of."""
        for each in (each for file in self._whole(path) for each in groups(file)):
            if each.override and isinstance(each.value, str):
                yield place(each), Choice(str(each.group).lstrip("/"), each.value)

    def _whole(self, path: str) -> Iterator[ConfigResult]:
        """A file, after those of its folder that it is made of."""
        if (file := self.load(path)) is None:
            return
        for each in file.defaults_list or ():
            if isinstance(each, ConfigDefault) and not each.is_self():
                yield from self._whole(f"{path.rpartition('/')[0]}/{each.path}")
        yield file

    def _typed(self) -> Iterator[tuple[str, Choice]]:
        for override in self._overrides:
            group, name = str(override.key_or_group), override.value()
            chooses = isinstance(name, str) and self._files.group_exists(group)
            if override.is_delete() or not chooses:
                continue
            if group == TOGETHER:
                yield from self._arm(Choice(group, name), str(override.input_line))
            elif f"{group}/" != EXPERIMENTS:
                yield _named(override), Choice(group, name)

    def _arm(self, choice: Choice, typed: str) -> Iterator[tuple[str, Choice]]:
        """What one file chooses and sets, held against the rest of the command line."""
        chosen = dict(self.overriding(choice.path))
        values = (leaves("", plain(file)) for file in self._whole(choice.path))
        self.together = dict(chain.from_iterable(values))
        says = {where: each.name for where, each in chosen.items()}
        says |= {where: value for where, value in self.together.items() if where in MEANT}
        for override in self._overrides:
            for leaf, value in leaves(_named(override), override.value()):
                if leaf in says and says[leaf] != value:
                    other = shortened(str(override.input_line))
                    raise UsageError(
                        f"{typed} and {other} contradict: the former means {leaf}={says[leaf]}; "
                        "leave one out"
                    )
        yield from chosen.items()

    def _of_experiments(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        names = [e.value() for e in self._overrides if f"{e.key_or_group}/" == EXPERIMENTS]
        for where, choice in chain.from_iterable(
            self.overriding(f"{EXPERIMENTS}{name}") for name in names
        ):
            found.setdefault(where, set()).add(choice.name)
        return found


def plain(file: ConfigResult) -> dict[str, Any]:
    """The values of a file, interpolations as they were written."""
    values = OmegaConf.to_container(file.config, resolve=False)
    assert isinstance(values, dict)
    return {str(name): value for name, value in values.items()}


def groups(file: ConfigResult) -> Iterable[GroupDefault]:
    """What a file's list of defaults chooses."""
    return [each for each in file.defaults_list or () if isinstance(each, GroupDefault)]


def _named(override: Override) -> str:
    """Where in the configuration an override sets or chooses something."""
    return str(override.package or str(override.key_or_group).replace("/", "."))


def place(default: GroupDefault) -> str:
    """Where in the configuration it is chosen, from where its file stands."""
    return str(default.package or str(default.group).lstrip("/").replace("/", "."))
