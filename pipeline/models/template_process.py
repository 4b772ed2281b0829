"""A chat template that answers again and again: one process for all conversations of a server.

As `template_rendering` says, a template is a program from strangers, and here strangers say what it
works on, too. The process has so much memory and no more; each conversation has so much processor
time, after which the kernel ends the process, whatever it is doing, and the next conversation gets
a new one.
"""

import resource
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from threading import Lock
from typing import Any

from pipeline.errors import UsageError
from pipeline.models.template_rendering import MEMORY, MOST_TEXT, in_short, lower_limit
from pipeline.process.child import Child

SECONDS = 2.0
"""Processor time for a conversation; most take a tenth of a millisecond."""
PATIENCE_S = 30.0
"""Seconds to wait for a process that others keep from computing."""

Message = Mapping[str, Any]
"""Role and content of a turn, and what else templates know."""


class TemplateProcess:
    """Renders one conversation at a time; any thread may ask."""

    def __init__(self, template: str, tokens: Mapping[str, str]) -> None:
        """Nothing is started yet.

        Args:
            template: the source, which is Jinja's.
            tokens: the special tokens that it may ask for, by name.
        """
        self._template, self._tokens = template, dict(tokens)
        self._lock = Lock()
        self._child: Child | None = None
        self._ours: Connection | None = None

    def start(self) -> None:
        """Start the process ahead of its first conversation, which takes seconds.

        Raises:
            UsageError: the template isn't one.
        """
        with self._lock:
            self._started()

    def render(self, messages: Sequence[Message], options: Mapping[str, Any]) -> str:
        """The text of a conversation, as the model is to read it.

        Args:
            messages: the turns.
            options: what else the template is told, `add_generation_prompt` for one.

        Raises:
            UsageError: the template refuses it, or takes too long or too much memory for it.
        """
        with self._lock:
            said = self._asked((list(messages), dict(options)))
        if isinstance(said, Exception):
            raise UsageError(
                f"the chat template refuses the conversation ({in_short(said)})"
            ) from said
        return said

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _asked(self, task: Any) -> str | Exception:
        ours = self._started()
        try:
            ours.send(task)
            if not ours.poll(PATIENCE_S):
                raise EOFError
            said: str | Exception = ours.recv()
        except (EOFError, OSError) as error:
            self._end()
            raise UsageError(
                f"the chat template was ended: it may take {SECONDS:g} s of processor time and "
                f"{MEMORY >> 30} GiB for a conversation; shorten it"
            ) from error
        return said

    def _started(self) -> Connection:
        if self._ours is not None:
            return self._ours
        self._ours, theirs = Pipe()
        with theirs:
            self._child = Child(
                _work, theirs.fileno(), self._template, self._tokens, holding=[theirs.fileno()]
            )
        try:
            fault = self._ours.recv()
        except EOFError:
            fault = "its process ended"
        if fault is not None:
            self._end()
            raise UsageError(f"the chat template isn't one ({fault})")
        return self._ours

    def _end(self) -> None:
        if self._child is not None:
            self._child.stop()
        if self._ours is not None:
            self._ours.close()
        self._child = self._ours = None


def _work(handle: int, template: str, tokens: Mapping[str, str]) -> None:
    """In that process: a text or an error for every conversation."""
    from transformers.utils.chat_template_utils import (
        _compile_jinja_template,
        render_jinja_template,
    )

    connection = Connection(handle)
    lower_limit(resource.RLIMIT_AS, MEMORY)
    try:
        _compile_jinja_template(template)
    except Exception as error:
        connection.send(in_short(error))
        return
    connection.send(None)
    with suppress(EOFError):
        while True:
            messages, options = connection.recv()
            signal.setitimer(signal.ITIMER_PROF, SECONDS)  # SIGPROF ends a process.
            try:
                ((said,), _) = render_jinja_template(
                    conversations=[messages], chat_template=template, **{**tokens, **options}
                )
                if len(said) > MOST_TEXT:
                    raise ValueError(f"makes {len(said)} characters; {MOST_TEXT} are read")
            except Exception as error:
                said = ValueError(in_short(error))
            signal.setitimer(signal.ITIMER_PROF, 0)
            connection.send(said)
