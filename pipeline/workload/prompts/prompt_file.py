"""Prompts that stand in a file: drawn from it, or taken in its order."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Literal

from pydantic.dataclasses import dataclass as settings

from pipeline.errors import UsageError
from pipeline.settings import STRICT
from pipeline.workload.prompts.conversation import USER
from pipeline.workload.prompts.pool import Pool
from pipeline.workload.prompts.source import ADAPTER, MAX_TOKENS, Encode, Prompt

KEY = "workload.prompts.path"
"""The setting, for messages."""


@dataclass(frozen=True)
class Parsed:
    """What stands in a file of prompts.

    Attributes:
        prompts: those that can be asked.
        left_out: how many rows can't, by why.
    """

    prompts: list[Prompt]
    left_out: Counter[str] = field(default_factory=Counter)


@settings(frozen=True, config=STRICT, kw_only=True)
class PromptFile(Pool):
    """Settings of prompts that stand in a file.

    Attributes:
        name: what the user typed.
        path: the file.
        order: `drawn`, each as likely as any other, or `file`: one after another, over and over.
        answers: ask for as many tokens as the answer has that the file gives; a prompt without one
            is left out and counted.
        adapters: the adapters that names in the file stand for; null leaves it to the law.
    """

    name: str
    path: Path
    order: Literal["drawn", "file"] = "drawn"
    answers: bool = False
    adapters: Mapping[str, str | None] | None = field(default=None, hash=False)

    @property
    def source(self) -> str:
        """The file."""
        return f"{KEY}={self.path}"

    @property
    def random(self) -> bool:
        """Not in the file's order."""
        return self.order == "drawn"

    def read(self) -> list[Prompt]:
        """Its prompts; as long as it doesn't change, the file is read once."""
        return self._parsed().prompts

    def chats(self) -> bool:
        """Whether a row is a conversation."""
        return any(each.chat for each in self._readable())

    def decided(self) -> frozenset[str]:
        """What every row says."""
        rows = self._readable()
        said = {
            ADAPTER: all(row.adapter is not None for row in rows),
            MAX_TOKENS: self.answers or all(row.max_tokens is not None for row in rows),
        }
        return frozenset(name for name, by_all in said.items() if rows and by_all)

    def continues(self) -> bool:
        """Whether a row is a conversation in which a user speaks more than once."""
        whole = (each.before for each in self._readable() if each.chat)
        return any(said.role == USER for before in whole for said in before)

    def offer(self, encode: Encode) -> tuple[list[Prompt], tuple[str, ...]]:
        """All, or those with an answer, which then says how many tokens are asked for."""
        parsed = self._parsed()
        prompts, left_out = parsed.prompts, Counter(parsed.left_out)
        if self.answers:
            prompts = [
                replace(each, max_tokens=each.max_tokens or _tokens(each.answer, encode))
                for each in prompts
                if each.max_tokens or each.answer
            ]
            left_out["without an answer"] += len(parsed.prompts) - len(prompts)
        if not prompts:
            raise UsageError(f"{self.source}: no prompt has an answer; leave answers off")
        why = ", ".join(f"{count} {reason}" for reason, count in left_out.items() if count)
        return prompts, (f"of {self.source} were left out: {why}",) * bool(why)

    def pick(self, prompts: Sequence[Prompt], count: int, rng: Random) -> list[Prompt]:
        """As the order says."""
        if self.order == "file":
            return list(islice(cycle(prompts), count))
        return super().pick(prompts, count, rng)

    def _readable(self) -> Sequence[Prompt]:
        """Its prompts; none where the file can't be read, which `check` refuses."""
        try:
            return self.read()
        except UsageError:
            return ()

    def _parsed(self) -> Parsed:
        known = None
        with suppress(OSError, ValueError):  # Parsing says what is wrong with it.
            known = self.path.stat()
        return _parsed(self, known and (known.st_mtime_ns, known.st_size))

    @abstractmethod
    def parse(self) -> Parsed:
        """Those of the file as it is now, at least one.

        Raises:
            UsageError: it can't be read, or isn't of the format.
        """


@lru_cache(maxsize=1)
def _parsed(source: PromptFile, version: tuple[int, int] | None) -> Parsed:
    return source.parse()


def _tokens(answer: str | None, encode: Encode) -> int:
    """Of an answer, but for those that the tokenizer adds to every text."""
    return max(1, len(encode(answer or "")) - len(encode("")))
