"""A checkpoint's chat template: what a conversation is as a text, and which tokens that makes.

A template is a program in a file from strangers. transformers runs it in a sandbox that lets it
touch nothing, but neither time nor memory end there: so it runs in a process of its own, whose
processor time and memory the kernel bounds, and what it makes is bounded too.
"""

import hashlib
import random
import resource
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from tokenizers import Tokenizer

from pipeline.errors import UsageError, in_a_line, shortened
from pipeline.files.regular import MEBIBYTE, read_regular
from pipeline.models.files import is_there, read_object
from pipeline.models.tokenizer import TOKENIZER_CONFIG, special_tokens
from pipeline.process.child import Child, Died

TEMPLATE = "chat_template.jinja"
KEY = "workload.chat.template"
TODAY = date(2024, 7, 26)
"""What a template is told that asks for the date, so that a trace is the same on every day; it is
the day that Llama 3.1's template takes where it is told none."""

MOST_BYTES = MEBIBYTE
"""Of a template; the longest published ones have a fiftieth."""
MOST_TEXT = 16 * MEBIBYTE
"""Characters that may be made of a conversation, and of which a message repeats some."""
MEMORY = 2048 * MEBIBYTE
"""Address space of the process."""
SECONDS, SECONDS_EACH = 20, 0.05
"""Processor time of the process, and more of it for every conversation; most take a tenth of a
millisecond."""

Conversation = Sequence[tuple[str, str]]
"""Role and content of each turn."""


class Unrendered(NamedTuple):
    """Why a template made nothing of a conversation."""

    number: int
    why: str


class ChatTemplate:
    """The chat template beside a tokenizer, read when it is first needed."""

    def __init__(self, tokenizer_file: Path, tokenizer: Tokenizer) -> None:
        self._folder, self._tokenizer = tokenizer_file.parent, tokenizer

    def encode(self, text: str) -> Sequence[int]:
        """Token ids of a text as a template makes it: none is added to those that it spells."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def tokens(self) -> Mapping[str, str]:
        """The special tokens that templates know by name, `bos_token` for one."""
        return special_tokens(self._folder)

    def source(self, path: Path | None) -> str:
        """The template itself.

        Args:
            path: a file that holds it; None takes what lies beside the tokenizer.

        Raises:
            UsageError: there is none, or it can't be read.
        """
        if path is not None:
            return read_template(path, f"{KEY}={path}")
        if (found := self.stored()) is None:
            raise UsageError(
                f"{self._folder}: has no chat template ({TEMPLATE}, or in {TOKENIZER_CONFIG}), and "
                f"prompts are conversations; give one ({KEY}=path), or a model that has one"
            )
        return found

    def stored(self) -> str | None:
        """The one that lies beside the tokenizer; None where there is none.

        Raises:
            UsageError: it can't be read.
        """
        if is_there(self._folder / TEMPLATE):
            return read_template(self._folder / TEMPLATE, str(self._folder / TEMPLATE))
        config = self._folder / TOKENIZER_CONFIG
        said = read_object(config).get("chat_template") if is_there(config) else None
        if isinstance(said, list):
            named = [each for each in said if isinstance(each, dict)]
            chosen = (each.get("template") for each in named if each.get("name") == "default")
            said = next(chosen, None)
        return said if isinstance(said, str) and said else None

    def sha256(self, path: Path | None) -> str:
        """Of the template."""
        return hashlib.sha256(self.source(path).encode("utf-8", "surrogatepass")).hexdigest()

    def render(
        self, conversations: Sequence[Conversation], places: Sequence[str], path: Path | None
    ) -> list[str]:
        """Each conversation as a text, up to where the model is to answer.

        Args:
            conversations: role and content of their turns.
            places: where each stands, for messages.
            path: as of `source`.

        Raises:
            UsageError: the template refuses one, or takes too long or too much memory for them.
        """
        asked = tuple(tuple(map(tuple, each)) for each in conversations)
        tokens = tuple(sorted(self.tokens().items()))
        made = _rendered(self.source(path), tokens, asked)
        if isinstance(made, Unrendered):
            where = str(path or self._folder)
            if made.number >= 0:
                where = places[made.number] or "workload.prompts"
            raise UsageError(f"{where}: the chat template {made.why}")
        return list(made)


def read_template(path: Path, said: str) -> str:
    """A template in a file of its own.

    Args:
        path: of the file.
        said: how it was named, for messages.

    Raises:
        UsageError: it can't be read.
    """
    try:
        return read_regular(path, MOST_BYTES).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"{said}: can't be read ({why}); name a Jinja template") from error


@lru_cache(maxsize=8)
def _rendered(
    template: str, tokens: tuple[tuple[str, str], ...], conversations: tuple[Any, ...]
) -> tuple[str, ...] | Unrendered:
    """By a process of its own; the jobs of a call ask for the same again and again."""
    seconds = int(SECONDS + SECONDS_EACH * len(conversations))
    with Child(_render, template, dict(tokens), conversations, seconds) as child:
        try:
            made: tuple[str, ...] | Unrendered = child.result()
        except Died as died:
            return Unrendered(
                -1, f"was ended ({died}): it may take {seconds} s and {MEMORY >> 30} GiB"
            )
        except Exception as error:
            return Unrendered(-1, f"fails ({in_short(error)})")
    return made


def _render(
    template: str, tokens: Mapping[str, str], conversations: Sequence[Conversation], seconds: int
) -> tuple[str, ...] | Unrendered:
    """In that process."""
    from transformers.utils.chat_template_utils import (
        _compile_jinja_template,
        render_jinja_template,
    )

    lower_limit(resource.RLIMIT_AS, MEMORY)
    lower_limit(resource.RLIMIT_CPU, seconds)
    try:
        _compile_jinja_template(template).globals["strftime_now"] = TODAY.strftime  # It's kept.
    except Exception as error:
        return Unrendered(-1, f"isn't one ({in_short(error)})")
    made = []
    for number, turns in enumerate(conversations):
        random.seed(0)  # Jinja's filter `random` draws from it.
        messages = [{"role": role, "content": content} for role, content in turns]
        try:
            ((text,), _) = render_jinja_template(
                conversations=[messages],
                chat_template=template,
                add_generation_prompt=True,
                **tokens,
            )
        except Exception as error:
            return Unrendered(number, f"refuses it ({in_short(error)})")
        if len(text) > MOST_TEXT:
            return Unrendered(number, f"makes {len(text)} characters of it; {MOST_TEXT} are read")
        made.append(text)
    return tuple(made)


def in_short(error: Exception) -> str:
    """What went wrong with a template, for a message."""
    return shortened(in_a_line(error), 200)


def lower_limit(what: int, most: int) -> None:
    """Lower a limit of this process; where the system knows none, or a lower one, it stays."""
    _, hard = resource.getrlimit(what)
    if hard == resource.RLIM_INFINITY or hard > most:
        try:
            resource.setrlimit(what, (most, most))
        except (ValueError, OSError):
            return
