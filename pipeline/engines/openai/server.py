"""A server that was started for a run: how it comes up, what it takes, and what it left."""

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event as Flag
from threading import Thread
from time import perf_counter, sleep
from typing import Self

from pipeline.engines.llama_cpp.files import Origin, files_of
from pipeline.engines.openai.launch import Launch, Launched, linked, padded_rank
from pipeline.engines.openai.session import ServerPage, ServerSession, Unanswered
from pipeline.engines.settings import Serving
from pipeline.errors import shortened
from pipeline.inference.outside import Outside
from pipeline.machine.free_port import free_port
from pipeline.machine.process_tree import tree_usage, tree_waits
from pipeline.process.guarded import GuardedCommand

HOST = "127.0.0.1"
EVERY_S = 1.0
"""Seconds between two looks at what the server takes."""
READY_S = 0.1
"""Seconds between two looks at whether it is ready."""
ANSWER_S = 10
"""Seconds in which it must say whether it is."""
LAST_BYTES = 4096
"""Of its output, in which its last line is looked for."""


class LaunchedServer:
    """A context manager: inside, the server is ready.

    Its output, and what it took each second, are files of a folder.
    """

    def __init__(self, launch: Launch, gguf: Origin, serving: Serving, folder: Path) -> None:
        """Not yet there.

        Args:
            launch: how it is started.
            gguf: of the files of that format, where it reads such.
            serving: the model and the adapters.
            folder: for its files.
        """
        self._launch, self._gguf, self._serving, self._folder = launch, gguf, serving, folder
        self._peak_bytes, self._over = 0, Flag()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            links = Path(stack.enter_context(TemporaryDirectory(prefix="adapters-")))
            port = free_port(HOST)
            said = self._said(links, port)
            self.address = f"http://{HOST}:{port}"
            self._command = stack.enter_context(
                GuardedCommand(
                    said.command(self._launch),
                    self._folder / "output.txt",
                    said.environment(self._launch),
                    self._launch.grace_s,
                )
            )
            watching = Thread(target=self._watch, name="watch", daemon=True)
            watching.start()
            stack.callback(watching.join)
            stack.callback(self._over.set)
            self._until_ready()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def outside(self) -> Outside:
        """What it took so far."""
        usage = tree_usage(self._command.guard)
        self._peak_bytes = max(self._peak_bytes, usage.rss_bytes)
        return Outside(usage.cpu_seconds, tree_waits(self._command.guard), self._peak_bytes)

    def last_words(self, seconds: float = 0) -> str:
        """How it ended, and the last line that it wrote; empty if it runs on for so long."""
        code, until = self._command.poll(), perf_counter() + seconds
        while code is None and perf_counter() < until:
            sleep(0.01)
            code = self._command.poll()
        return "" if code is None else f"the server ended {_how(code)}{self._last_line()}"

    def _said(self, links: Path, port: int) -> Launched:
        """What the words of its command stand for."""
        serving, adapters = self._serving, self._serving.adapters
        server = {
            "python": sys.executable,
            "host": HOST,
            "port": str(port),
            "threads": str(serving.threads),
            "model": str(serving.checkpoint.folder.absolute()),
            "adapter_folder": str(links),
            "count": str(len(adapters)),
            "max_rank": str(padded_rank(adapters.values())),
        }
        files: Mapping[str, Path] = {}
        if self._launch.needs_gguf:
            written = files_of(self._gguf, serving)
            server["gguf"], files = str(written.base.absolute()), written.adapters
        linked(adapters, links)
        return Launched(
            server,
            [
                {
                    "name": name,
                    "folder": str(adapter.folder.absolute()),
                    "gguf": str(files[name].absolute()) if files else "",
                    "number": str(number),
                }
                for number, (name, adapter) in enumerate(adapters.items())
            ],
        )

    def _until_ready(self) -> None:
        """Wait for it; RuntimeError, which ends the run, if it doesn't come."""
        until = perf_counter() + self._launch.seconds
        with ServerSession(self.address, {}) as session:
            while perf_counter() < until:
                if _answers(session, self._launch.ready):
                    return
                if words := self.last_words():
                    raise RuntimeError(f"{words}; {self._folder / 'output.txt'} has the rest")
                self._over.wait(READY_S)
        raise RuntimeError(
            f"the server wasn't ready within engine.launch.seconds={self._launch.seconds:g}"
            f"{self._last_line()}; {self._folder / 'output.txt'} has the rest"
        )

    def _last_line(self) -> str:
        try:
            with (self._folder / "output.txt").open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - LAST_BYTES))
                lines = file.read().decode("utf-8", "replace").split("\n")
        except OSError:
            return ""
        last = next((each.strip() for each in reversed(lines) if each.strip()), "")
        return f", its last line: {shortened(last, 300)}" if last else ""

    def _watch(self) -> None:
        with (self._folder / "usage.jsonl").open("a", encoding="utf-8") as file:
            while not self._over.wait(EVERY_S):
                usage = tree_usage(self._command.guard)
                self._peak_bytes = max(self._peak_bytes, usage.rss_bytes)
                row = {
                    "at": perf_counter(),
                    "cpu_seconds": usage.cpu_seconds,
                    "rss_bytes": usage.rss_bytes,
                    "processes": usage.processes,
                }
                file.write(json.dumps(row) + "\n")


def _how(code: int) -> str:
    """From 128 on it is a signal's number, as shells have it."""
    with suppress(ValueError):
        return f"by {signal.Signals(code - 128).name}"
    return f"with code {code}"


def own_metrics(get: Callable[[], ServerPage]) -> bytes | None:
    """What a server says of itself; None where it says nothing."""
    try:
        page = get()
    except Unanswered:
        return None
    return page.body if page.is_ok else None


def _answers(session: ServerSession, path: str) -> bool:
    try:
        return session.get(path, ANSWER_S).is_ok
    except Unanswered:
        return False
