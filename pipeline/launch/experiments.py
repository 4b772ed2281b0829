"""What an experiment sets, as far as it fits what was chosen otherwise on the command line.

An experiment is a file of defaults. Where a user chooses another model, engine or workload, what
the experiment had to say of its own choice is nobody's word any more: `+experiment=smoke` sets
`adapters.count`, and `adapters=none` has none.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from hydra._internal.config_repository import CachingConfigRepository, IConfigRepository
from hydra.core.default_element import GroupDefault, InputDefault
from hydra.core.override_parser.types import Override
from hydra.plugins.config_source import ConfigResult
from omegaconf import OmegaConf

from pipeline.launch.choices import EXPERIMENTS, TOGETHER, Choice, Choices, groups, place, plain
from pipeline.settings import leaves


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
        """Read what was chosen.

        Raises:
            UsageError: what was typed contradicts itself.
        """
        super().__init__(delegate)
        self.left_out = left_out
        self._choices = Choices(self, overrides)

    def load_config(self, config_path: str) -> ConfigResult | None:
        """A file; an experiment as far as it fits."""
        found: ConfigResult | None = super().load_config(config_path)
        if found is None or not config_path.startswith(EXPERIMENTS) or not self._choices.typed:
            return found
        defaults = [each for each in found.defaults_list or () if self._has_place(each)]
        config = OmegaConf.create(self._fitted(plain(found)))
        return replace(found, config=config, defaults_list=deepcopy(defaults))

    def _fitted(self, values: dict[str, Any]) -> dict[str, Any]:
        """An experiment's values without those that nobody chose the component of."""
        self._fit_sweep(values.get("hydra", {}).get("sweeper", {}).get("params", {}))
        gone: dict[str, Any] = {}
        for name, value in [*leaves("", values)]:
            if name.startswith("hydra."):
                continue
            choice = None if name in self._choices.together else self._misfit(name, value)
            if choice:
                self.left_out[name] = f"{choice.group}={choice.name}"
            if choice or name in self._choices.together:
                _delete(values, name)
                gone[f"${{{name}}}"] = value
        return {name: _filled(value, gone) for name, value in values.items()}

    def _fit_sweep(self, params: dict[str, Any]) -> None:
        """Take away the parameters of an experiment's sweep that were chosen otherwise.

        Of one that was itself chosen nothing is left out: so it is in each job of the sweep.
        """
        for name in [*params]:
            if choice := self._misfit(name.replace("/", "."), params[name]):
                if not self._choices.names(name):
                    self.left_out[name] = f"{choice.group}={choice.name}"
                del params[name]

    def _misfit(self, name: str, value: Any) -> Choice | None:
        """The typed choice that has no such setting, or in whose stead it was written."""
        typed = self._choices.typed
        if name == TOGETHER:
            files = (Choice(TOGETHER, each.strip()) for each in str(value).split(","))
            places = {where for file in files for where, _ in self._choices.overriding(file.path)}
            return next((typed[each] for each in places if each in typed), None)
        for where, choice in typed.items():
            if not name.startswith(f"{where}."):
                continue
            instead = self._choices.own.get(where, {choice.name})
            if choice.name not in instead or not self._has(choice, name[len(where) + 1 :]):
                return choice
        return None

    def _has(self, choice: Choice, name: str) -> bool:
        """Whether a choice has a setting, or chooses what may have it."""
        file = self._choices.load(choice.path)
        if file is None:
            return True
        first = name.partition(".")[0]
        return first in file.config or first in {
            place(each).partition(".")[0] for each in groups(file)
        }

    def _has_place(self, default: InputDefault) -> bool:
        """Whether what an experiment chooses is its to choose, and chosen at all."""
        if not (isinstance(default, GroupDefault) and default.override):
            return True
        where, typed = place(default), self._choices.typed
        if where in typed:
            return False
        above = [each for each in typed if where.startswith(f"{each}.")]
        return all(self._has(typed[each], where[len(each) + 1 :]) for each in above)


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
