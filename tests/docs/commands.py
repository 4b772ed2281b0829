"""The commands that the documentation shows, and how each is made small."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
RUNS = ["python", "-m", "pipeline"]
USUAL = ("tracking=none", "validity.min_utilisation=null")
"""What commands that run jobs are given: others try MLflow, and a busy machine is no fault here."""

REDUCTIONS = Path(__file__).with_name("reductions.yaml")


@dataclass(frozen=True)
class Command:
    """One command of a page.

    Attributes:
        page: where it stands.
        text: as it stands there, on one line, without its comment.
    """

    page: str
    text: str

    @property
    def words(self) -> list[str]:
        """As a shell takes it apart."""
        return shlex.split(self.text)


@dataclass(frozen=True)
class Reduction:
    """What makes the commands that match small, and what is to be expected of them.

    Attributes:
        match: a regular expression that is searched for in the command.
        wants: packages beyond the requirements, by their names in the file.
        lacks: what else it needs that isn't here: it fails, and its output has to say so.
        set: overrides; one of a name that was typed takes its place, others are added.
        needs: sweeps that it reads, made before by the `sweep` of the reductions.
        experiment: MLflow's, into which these go, beside those of other commands.
        environment: variables.
        codes: the exit codes that are right.
        says: a regular expression that its output must hold.
        serves: an address that answers while it runs; then it is told to end.
    """

    match: str
    wants: tuple[str, ...] = ()
    lacks: str = ""
    set: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    experiment: str = "others"
    environment: Mapping[str, str] = field(default_factory=dict)
    codes: tuple[int, ...] = (0,)
    says: str = ""
    serves: str = ""


def documented() -> list[Command]:
    """Every command of every page, once, in the order of the pages."""
    found = (
        Command(page.name, " ".join(shlex.split(line, comments=True, posix=False)))
        for page in PAGES
        for block in re.findall(r"```bash\n(.*?)```", page.read_text("utf-8"), re.S)
        for line in block.replace("\\\n", " ").splitlines()
        if line.strip()
    )
    return list({command.text: command for command in found}.values())


@dataclass(frozen=True)
class Package:
    """What isn't among the requirements.

    Attributes:
        module: what it brings.
        install: the command that installs it.
    """

    module: str
    install: str


@dataclass(frozen=True)
class Reductions:
    """What the file says.

    Attributes:
        sweep: the command that makes a sweep to be read.
        packages: by the names that `wants` has.
        rules: the reductions in order.
    """

    sweep: str
    packages: Mapping[str, Package]
    rules: tuple[Reduction, ...]

    def of(self, command: Command) -> Reduction:
        """The first that matches.

        Raises:
            LookupError: none does.
        """
        for rule in self.rules:
            if re.search(rule.match, command.text):
                return rule
        raise LookupError(f"{command.text}: no reduction in {REDUCTIONS.name} matches")


def reductions() -> Reductions:
    """Read from the file."""
    read: dict[str, Any] = yaml.safe_load(REDUCTIONS.read_text("utf-8"))
    rules = (
        Reduction(**{name: tuple(v) if isinstance(v, list) else v for name, v in each.items()})
        for each in read["reductions"]
    )
    packages = {name: Package(**each) for name, each in read["packages"].items()}
    return Reductions(read["sweep"], packages, tuple(rules))


def reduced(command: Command, reduction: Reduction) -> list[str]:
    """The words of the command, made small."""
    words = command.words
    usual = USUAL if words[:3] == RUNS else ()
    for override in (*usual, *reduction.set):
        name = override.partition("=")[0]
        at = next((n for n, word in enumerate(words) if word.partition("=")[0] == name), None)
        if at is None:
            words.append(override)
        else:
            words[at] = override
    return words
