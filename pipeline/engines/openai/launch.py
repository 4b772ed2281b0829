"""`engine.launch`: how a server is started, and the words of its command."""

import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass as plain_dataclass
from dataclasses import field
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.adapters.adapter import Adapter
from pipeline.engines.openai.keys import check_command, check_environment
from pipeline.errors import UsageError, shown
from pipeline.settings import STRICT

PLACES = re.compile(r"\{(\w+)\}")
WHOLE = "{adapters}"
"""In the command, stands for the words of all adapters."""
OF_THE_SERVER = (
    *("python", "host", "port", "threads", "model", "gguf"),
    *("adapter_folder", "count", "max_rank"),
)
OF_AN_ADAPTER = ("name", "folder", "gguf", "number")
Seconds = Annotated[float, Field(gt=0, le=86_400)]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Launch:
    """Settings of a server that is started for a run and ended with it.

    In the words of the command, and in the values of the environment, stand for themselves:
    `{python}` the interpreter of this project; `{host}` and `{port}` where the server is to listen;
    `{threads}`; `{model}` the checkpoint's folder; `{gguf}` the base model as a GGUF file in
    `engine.precision`; `{adapter_folder}` a folder that holds each adapter's under its name;
    `{count}` how many adapters there are; `{max_rank}` the least power of two from 8 on that no
    rank of theirs exceeds; `{adapters}`, as a word of its own, what is said of them: `adapters`,
    then the words of each, or else `none`. In an adapter's words: `{name}`, `{folder}`, `{gguf}`,
    `{number}` from 0.

    Attributes:
        command: program and arguments; a text is taken apart as a shell does.
        adapters: words where there are adapters.
        adapter: words for each adapter.
        none: words where there are no adapters.
        environment: variables that are added to ours, of which none may hold a key.
        ready: path that answers 200 once the server can serve.
        seconds: in which it must come to that.
        grace_s: seconds that it may take to end once it is told to.
    """

    command: tuple[str, ...] | str
    adapters: tuple[str, ...] = ()
    adapter: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: str = "/health"
    seconds: Seconds = 600
    grace_s: Seconds = 15

    def __post_init__(self) -> None:
        if not self.words:
            raise UsageError("engine.launch.command: is empty; give program and arguments")
        check_environment(self.environment)
        check_command(self.words)
        for texts, known in (
            (self._of_the_server, (*OF_THE_SERVER, "adapters")),
            (self.adapter, OF_AN_ADAPTER),
        ):
            for name in PLACES.findall(" ".join(texts)):
                if name not in known:
                    raise UsageError(
                        f"engine.launch: {{{name}}} stands for nothing there; "
                        f"there are {', '.join(f'{{{each}}}' for each in known)}"
                    )

    @property
    def words(self) -> tuple[str, ...]:
        """The command, word by word."""
        whole = self.command
        try:
            return tuple(shlex.split(whole)) if isinstance(whole, str) else whole
        except ValueError as error:
            raise UsageError(f"engine.launch.command: {error}; quote it as a shell does") from None

    @property
    def needs_gguf(self) -> bool:
        """Whether files are to be written in llama.cpp's format."""
        return "{gguf}" in " ".join((*self._of_the_server, *self.adapter))

    @property
    def _of_the_server(self) -> tuple[str, ...]:
        return (*self.words, *self.adapters, *self.none, *self.environment.values())

    def check(self) -> None:
        """See that there is such a program.

        Raises:
            UsageError: there is none.
        """
        program = filled(self.words[0], {"python": sys.executable})
        if shutil.which(program) is None:
            raise UsageError(
                f"engine.launch.command: there is no program {shown(program)}; install it, put it "
                "on PATH, or give its path"
            )


@plain_dataclass(frozen=True)
class Launched:
    """What words of a command stand for.

    Attributes:
        server: by the names of `OF_THE_SERVER`.
        adapters: the same for each adapter, by those of `OF_AN_ADAPTER`.
    """

    server: Mapping[str, str]
    adapters: Sequence[Mapping[str, str]]

    def command(self, launch: Launch) -> list[str]:
        """Program and arguments."""
        return [*self._words(launch)]

    def environment(self, launch: Launch) -> dict[str, str]:
        """The variables that are added."""
        return {name: filled(value, self.server) for name, value in launch.environment.items()}

    def _words(self, launch: Launch) -> Iterator[str]:
        for word in launch.words:
            if word == WHOLE:
                yield from self._of_adapters(launch)
            else:
                yield filled(word, self.server)

    def _of_adapters(self, launch: Launch) -> Iterator[str]:
        for word in launch.adapters if self.adapters else launch.none:
            yield filled(word, self.server)
        for said in self.adapters:
            yield from (filled(word, said) for word in launch.adapter)


def filled(word: str, said: Mapping[str, str]) -> str:
    """A word with what its places stand for."""
    return PLACES.sub(lambda place: said.get(place[1], place[0]), word)


def padded_rank(adapters: Iterable[Adapter]) -> int:
    """The least power of two from 8 on that no rank exceeds: room that every adapter fits into."""
    highest = max((each.lora.max_rank for each in adapters), default=8)
    return max(8, 1 << (highest - 1).bit_length())


def linked(adapters: Mapping[str, Adapter], folder: Path) -> None:
    """Let a folder hold every adapter's own under its name.

    Raises:
        UsageError: a name can't be that of a folder.
    """
    for name, adapter in adapters.items():
        if "/" in name or name in (".", ".."):
            raise UsageError(f"adapter {shown(name)}: can't be a folder's name; rename it")
        (folder / name).symlink_to(adapter.folder.absolute(), target_is_directory=True)
