"""Hydra's refusals, in a line of ours: what was wrong, where, and what to do."""

import re
from collections.abc import Callable, Sequence

from hydra.core.override_parser.types import Override

from pipeline.config.renamed import GROUPS
from pipeline.errors import UsageError, shortened
from pipeline.launch.grammar import as_text
from pipeline.launch.vocabulary import Vocabulary, either, meant

OTHERS = {"cluster": "python -m pipeline.serve"}
"""Groups that are another command's."""


class Refusals:
    """What Hydra said of a command line, and what there would have been to say."""

    def __init__(self, overrides: Sequence[Override], vocabulary: Vocabulary) -> None:
        self._overrides = overrides
        self._vocabulary = vocabulary
        self._lines: dict[str, Callable[..., str]] = {
            r"Could not (find|load) '(?P<path>[^']+)'": self._no_choice,
            r"Could not override '(?P<name>[^']+)'": self._no_setting,
            r"Could not delete (from config\. )?'(?P<name>[^'=]+)": self._nothing_to_delete,
            r"Could not append to config.* at '(?P<name>[^']+)'": self._there_already,
            r"Ambiguous value for argument '(?P<typed>.+?)' 1\.": self._several_values,
            r"Sweep parameters '(?P<typed>.+)' requires": self._a_sweep,
            r"Sweeping over Hydra's configuration .*: '(?P<typed>.+)'": self._hydras_own,
            r"config group '(?P<name>[^']+)' does not exist": self._no_group,
            r"Cannot find primary config '(?P<name>[^']+)'": self._no_primary,
        }

    def line(self, error: Exception) -> UsageError:
        """The refusal."""
        cause = " ".join(str(error.__cause__ or error.__context__ or "").split())
        text = " ".join(str(error).split()) or cause
        if key := re.search(r"full_key: (\S+)", cause):
            text = re.sub(r"(?<=Could not override ')[^']+", key[1], text)
        for pattern, say in self._lines.items():
            if found := re.search(pattern, text):
                return UsageError(say(**found.groupdict()))
        text = re.sub(r" ?(See https://hydra\.cc|Config search path:).*", "", text)
        return UsageError(f"{text}: {cause}" if cause and cause not in text else text)

    def _no_choice(self, path: str) -> str:
        group, _, name = path.rpartition("/")
        options = self._vocabulary.options(group)
        if not options:
            return f"{group}: no such group{meant(group, self._vocabulary.groups())}"
        near = meant(name, options)
        return f"{group}={name}: no such choice{near or f'; there is {either(options)}'}"

    def _no_setting(self, name: str) -> str:
        group = name.partition("@")[0]
        if group in GROUPS:
            options = self._vocabulary.options(GROUPS[group])
            return f"{group}: is called {GROUPS[group]} now; there is {either(options)}"
        if options := self._vocabulary.options(group):
            return self._not_chosen_yet(name, options)
        choices = [str(each.input_line) for each in self._overrides if self._chooses(each)]
        known = [*self._vocabulary.settings(choices), *self._vocabulary.groups()]
        if name in known:
            section = name.partition(".")[0]
            return f"{name}: no such setting in every job: the sweep is over choices of {section}"
        near = meant(name, known) or "; --cfg job shows what there is"
        return f"{name}: no such setting{near}"

    def _not_chosen_yet(self, name: str, options: Sequence[str]) -> str:
        """A group that Hydra knows, but that none of the choices takes."""
        typed = next(
            (
                str(each.input_line)
                for each in self._overrides
                if name in (each.key_or_group, each.get_key_element())
            ),
            f"{name}={options[0]}",
        )
        above = name.partition("@")[0].rpartition("/")[0]
        if "@" in name:
            return f"{shortened(typed)}: no such place{meant(name, self._vocabulary.places())}"
        if name in OTHERS:
            return f"{shortened(typed)}: is for {OTHERS[name]}; leave it out"
        if not above:
            return f"{shortened(typed)}: is given with a plus: +{shortened(typed)}"
        chosen = next(
            (str(each.input_line) for each in self._overrides if each.key_or_group == above),
            f"this {above}",
        )
        return f"{shortened(typed)}: {chosen} has no {name.rpartition('/')[2]} to choose"

    def _chooses(self, override: Override) -> bool:
        return bool(self._vocabulary.options(str(override.key_or_group)))

    def _nothing_to_delete(self, name: str) -> str:
        known = [*self._vocabulary.settings(()), *self._vocabulary.groups()]
        if name in known:
            return f"~{name}: can't be taken away; give it another value"
        return f"~{name}: there is nothing of that name to take away{meant(name, known)}"

    def _there_already(self, name: str) -> str:
        typed = next(
            (str(each.input_line) for each in self._overrides if each.key_or_group == name),
            f"+{name}",
        )
        return f"{shortened(typed)}: is there already; leave the plus out: {shortened(typed[1:])}"

    def _several_values(self, typed: str) -> str:
        name, _, value = typed.partition("=")
        return (
            f"{shortened(typed)}: several values make a sweep, with -m; "
            f"a list is {shortened(f'{name}=[{value}]')!r}, and text {shortened(as_text(typed))}"
        )

    def _a_sweep(self, typed: str) -> str:
        return f"{shortened(typed)}: is a sweep, and a sweep needs -m"

    def _hydras_own(self, typed: str) -> str:
        return f"{shortened(typed)}: what is Hydra's own can't be swept; give one value"

    def _no_group(self, name: str) -> str:
        return f"{name}: no such group{meant(name, self._vocabulary.groups())}"

    def _no_primary(self, name: str) -> str:
        return f"--config-name={name}: no such file in conf/; leave it out"
