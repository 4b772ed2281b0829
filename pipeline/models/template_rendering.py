"""Conversations as text, by a template that is a stranger's program.

transformers runs it in a sandbox that lets it touch nothing, but neither time nor memory end there:
so it runs in a process of its own, whose processor time and memory the kernel bounds, and what it
makes is bounded too.
"""

import random
import resource
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from pipeline.errors import in_a_line, shortened
from pipeline.files.regular import MEBIBYTE
from pipeline.process.child import Child, Died

TODAY = date(2024, 7, 26)
"""What a template is told that asks for the date, so that a trace is the same on every day; it is
the day that Llama 3.1's template takes where it is told none."""

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


@lru_cache(maxsize=8)
def rendered(
    template: str, tokens: tuple[tuple[str, str], ...], conversations: tuple[Any, ...]
) -> tuple[str, ...] | Unrendered:
    """Each conversation as a text, by a process of its own.

    The jobs of a call ask for the same again and again.

    Args:
        template: the source, which is Jinja's.
        tokens: the special tokens that it may ask for, by name.
        conversations: role and content of their turns.
    """
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
