"""What an experiment sets, as far as it fits what was chosen otherwise on the command line.

An experiment is a file of defaults. Where a user chooses another model, engine or workload, what
the experiment had to say of its own choice is nobody's word any more: `+experiment=smoke` sets
`adapters.count`, and `adapters=none` has none.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from hydra._internal.config_repository import CachingConfigRepository, IConfigRepository
from hydra.core.default_element import ConfigDefault, GroupDefault, InputDefault
from hydra.core.override_parser.types import Override
from hydra.plugins.config_source import ConfigResult
from omegaconf import OmegaConf

from pipeline.errors import UsageError, shortened
from pipeline.launch.grammar import leaves

EXPERIMENTS = "experiment/"
TOGETHER = "arm"
"""The group whose choices are choices of other groups, with values of theirs."""


@dataclass(frozen=True)
class Choice:
    """A file that was chosen for a place in the configuration."""

    group: str
    name: str

    @property
    def path(self) -> str:
        """Of the file, below `conf/`."""
        return f"{self.group}/{self.name}"


class FittedExperiments(CachingConfigRepository):  # type: ignore[misc]
    """Hydra's repository of files, whose experiments leave out what was chosen otherwise.

    Attributes:
        left_out: what was left out of experiments, each with the choice that has no use for it.
    """

    def __init__(
        self,
        delegate: IConfigRepository,
        overrides: Sequence[Override],
        left_out: dict[str, str],
    ) -> None:
        super().__init__(delegate)
        self.left_out = left_out
        self._overrides = [each for each in overrides if not each.is_sweep_override()]
        self._set_together: dict[str, Any] = {}
        self._typed = dict(self._typed_choices())
        self._own = self._experiments_own()

    def load_config(self, config_path: str) -> ConfigResult | None:
        """A file; an experiment as far as it fits.

        Raises:
            UsageError: what was typed contradicts itself.
        """
        found: ConfigResult | None = super().load_config(config_path)
        if found is None or not config_path.startswith(EXPERIMENTS) or not self._typed:
            return found
        defaults = [each for each in found.defaults_list or () if self._has_place(each)]
        config = OmegaConf.create(self._fitted(_plain(found)))
        return replace(found, config=config, defaults_list=deepcopy(defaults))

    def _fitted(self, values: dict[str, Any]) -> dict[str, Any]:
        """An experiment's values without those that nobody chose the component of."""
        params = values.get("hydra", {}).get("sweeper", {}).get("params", {})
        for name in [*params]:
            if choice := self._misfit(name.replace("/", "."), params[name]):
                self.left_out[name] = f"{choice.group}={choice.name}"
                del params[name]
        gone: dict[str, Any] = {}
        for name, value in [*leaves("", values)]:
            if name.startswith("hydra."):
                continue
            if name in self._set_together or (choice := self._misfit(name, value)):
                _delete(values, name)
                gone[f"${{{name}}}"] = value
                if name not in self._set_together and choice:
                    self.left_out[name] = f"{choice.group}={choice.name}"
        return {name: _filled(value, gone) for name, value in values.items()}

    def _misfit(self, name: str, value: Any) -> Choice | None:
        """The typed choice that has no such setting, or in whose stead it was written."""
        if name == TOGETHER:
            files = (Choice(TOGETHER, each.strip()) for each in str(value).split(","))
            places = {place for file in files for place, _ in self._overriding(file.path)}
            return next((self._typed[each] for each in places if each in self._typed), None)
        for place, choice in self._typed.items():
            if not name.startswith(f"{place}."):
                continue
            instead = self._own.get(place, {choice.name})
            if choice.name not in instead or not self._has(choice, name[len(place) + 1 :]):
                return choice
        return None

    def _has(self, choice: Choice, name: str) -> bool:
        """Whether a choice has a setting, or chooses what may have it."""
        file = CachingConfigRepository.load_config(self, choice.path)
        if file is None:
            return True
        first = name.partition(".")[0]
        return first in file.config or first in {
            _place(each).partition(".")[0] for each in _groups(file)
        }

    def _has_place(self, default: InputDefault) -> bool:
        """Whether what an experiment chooses is its to choose, and chosen at all."""
        if not (isinstance(default, GroupDefault) and default.override):
            return True
        place = _place(default)
        if place in self._typed:
            return False
        above = [each for each in self._typed if place.startswith(f"{each}.")]
        return all(self._has(self._typed[each], place[len(each) + 1 :]) for each in above)

    def _typed_choices(self) -> Iterator[tuple[str, Choice]]:
        """What was chosen on the command line, by place; what `arm=` chooses, too."""
        for override in self._overrides:
            group, name = str(override.key_or_group), override.value()
            if override.is_delete() or not isinstance(name, str) or not self.group_exists(group):
                continue
            if group == TOGETHER:
                yield from self._together(Choice(group, name), str(override.input_line))
            elif f"{group}/" != EXPERIMENTS:
                yield override.package or group.replace("/", "."), Choice(group, name)

    def _together(self, choice: Choice, typed: str) -> Iterator[tuple[str, Choice]]:
        """What one file chooses and sets, held against the rest of the command line."""
        file = CachingConfigRepository.load_config(self, choice.path)
        if file is None:
            return
        chosen = dict(self._overriding(choice.path))
        self._set_together = dict(leaves("", _plain(file)))
        says = {place: each.name for place, each in chosen.items()} | self._set_together
        for override in self._overrides:
            name = override.package or str(override.key_or_group).replace("/", ".")
            for leaf, value in leaves(name, override.value()):
                if leaf in says and says[leaf] != value:
                    other = shortened(str(override.input_line))
                    raise UsageError(
                        f"{typed} and {other} contradict: the former means {leaf}={says[leaf]}; "
                        "leave one out"
                    )
        yield from chosen.items()

    def _overriding(self, path: str) -> Iterator[tuple[str, Choice]]:
        file = CachingConfigRepository.load_config(self, path)
        for each in _groups(file) if file else ():
            if each.override and isinstance(each.value, str):
                yield _place(each), Choice(str(each.group).lstrip("/"), each.value)

    def _experiments_own(self) -> dict[str, set[str]]:
        """What the experiments themselves choose, by place."""
        found: dict[str, set[str]] = {}
        names = [e.value() for e in self._overrides if f"{e.key_or_group}/" == EXPERIMENTS]
        paths = [f"{EXPERIMENTS}{name}" for name in names]
        for path in paths:
            for place, choice in self._overriding(path):
                found.setdefault(place, set()).add(choice.name)
            file = CachingConfigRepository.load_config(self, path)
            below = (each for each in (file and file.defaults_list) or () if not each.is_self())
            paths += [f"{EXPERIMENTS}{e.path}" for e in below if isinstance(e, ConfigDefault)]
        return found


def _plain(file: ConfigResult) -> dict[str, Any]:
    values = OmegaConf.to_container(file.config, resolve=False)
    assert isinstance(values, dict)
    return {str(name): value for name, value in values.items()}


def _groups(file: ConfigResult) -> Iterable[GroupDefault]:
    return [each for each in file.defaults_list or () if isinstance(each, GroupDefault)]


def _place(default: GroupDefault) -> str:
    """Where in the configuration it is chosen, from where its file stands."""
    return str(default.package or str(default.group).lstrip("/").replace("/", "."))


def _delete(values: dict[str, Any], name: str) -> None:
    """Take a setting away, and the sections that it leaves empty."""
    first, _, rest = name.partition(".")
    if rest:
        _delete(values[first], rest)
    if not rest or not values[first]:
        del values[first]


def _filled(node: Any, gone: Mapping[str, Any]) -> Any:
    """The same, and what referred to something gone has its value."""
    if isinstance(node, dict):
        return {key: _filled(value, gone) for key, value in node.items()}
    return gone.get(node, node) if isinstance(node, str) else node
