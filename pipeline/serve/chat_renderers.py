"""Chat templates at work, one for each that the base model or an adapter has."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from weakref import WeakValueDictionary, finalize

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.added_tokens import tokenizer_file
from pipeline.models.chat_template import read_template, stored_template
from pipeline.models.template_process import TemplateProcess
from pipeline.models.tokenizer import special_tokens

Key = tuple[str, frozenset[tuple[str, str]]]
"""A template, and the special tokens that it knows by name."""


class ChatRenderer:
    """Writes conversations by one template, until nobody has it any more."""

    def __init__(self, template: str, tokens: Mapping[str, str]) -> None:
        """It is started.

        Args:
            template: the source, which is Jinja's.
            tokens: the special tokens that it may ask for, by name.

        Raises:
            UsageError: the template isn't one.
        """
        self._process = TemplateProcess(template, tokens)
        self._process.start()
        # Waits for the process, so that a slow conversation holds up no other work.
        self._thread = ThreadPoolExecutor(1, "template")
        ending = Thread(target=_end, args=(self._process, self._thread), daemon=True)
        self._forgotten = finalize(self, ending.start)  # Somebody's last conversation may go on.
        self._forgotten.atexit = False

    async def render(
        self, messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
    ) -> str:
        """The text of a conversation; see `TemplateProcess.render`."""
        events = asyncio.get_running_loop()
        return await events.run_in_executor(self._thread, self._process.render, messages, options)

    def close(self) -> None:
        """End the process; returns when it has ended."""
        self._forgotten.detach()
        _end(self._process, self._thread)


def _end(process: TemplateProcess, thread: ThreadPoolExecutor) -> None:
    process.close()
    thread.shutdown(wait=False, cancel_futures=True)


class ChatRenderers:
    """Of one server: whoever has the same template and special tokens has one together.

    Any thread may ask.
    """

    def __init__(self, base: Path, named: Path | None) -> None:
        """None is started yet.

        Args:
            base: folder of the base's tokenizer.
            named: the file of a template that is to be the base's; None takes its own.

        Raises:
            UsageError: it can't be read.
        """
        self._tokens = special_tokens(base)
        if named is None:
            self._template = stored_template(base)
        else:
            self._template = read_template(named, f"serve.chat_template={named}")
        self._started: WeakValueDictionary[Key, ChatRenderer] = WeakValueDictionary()
        self._lock = Lock()

    def of(self, adapter: Adapter | None = None) -> ChatRenderer | None:
        """An adapter's, or with None the base's; None where it has no template.

        One that was trained with tokens added has what lies beside its tokenizer, and of the base
        what doesn't. All others have the base's.

        Raises:
            UsageError: the template can't be read, or isn't one.
        """
        if adapter is None or adapter.lora.vocabulary is None:
            return self._of(self._template, self._tokens)
        folder = tokenizer_file(adapter.lora).parent
        tokens = self._tokens | special_tokens(folder)
        return self._of(stored_template(folder) or self._template, tokens)

    def close(self) -> None:
        """End them all."""
        for each in list(self._started.values()):
            each.close()

    def _of(self, template: str | None, tokens: Mapping[str, str]) -> ChatRenderer | None:
        if template is None:
            return None
        key = template, frozenset(tokens.items())
        with self._lock:
            if (renderer := self._started.get(key)) is None:
                renderer = self._started[key] = ChatRenderer(template, tokens)
        return renderer
