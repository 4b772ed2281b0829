"""Adapters come and go while the server runs: loaded, loaded anew, unloaded, found in a folder."""

import asyncio
import re
from collections.abc import Coroutine
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError, shown
from pipeline.serve.adapters import ServedNames
from pipeline.serve.errors import ApiError
from pipeline.serve.keys import CALLER
from pipeline.serve.loop import EngineLoop
from pipeline.serve.readers import Readers

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""Of an adapter that comes while the server runs."""
INVALID = "InvalidUserInput"
"""vLLM's type of what a client should have said otherwise."""


class AdapterChanges:
    """One change at a time; files are read and checked beside the thread that steps.

    Whoever asks for a change may go away: it comes to its end all the same.
    """

    def __init__(
        self,
        root: Path | None,
        resolves: bool,
        names: ServedNames,
        loop: EngineLoop,
        readers: Readers,
    ) -> None:
        """Nothing changes yet.

        Args:
            root: folder in whose tree adapters must lie; None where none may come.
            resolves: whether a name that nobody loaded is looked for there.
            names: who can be named.
            loop: of the engine.
            readers: of what can be asked.
        """
        self._root = root.resolve() if root is not None else None
        self._resolves, self._names, self._loop = resolves, names, loop
        self._readers = readers
        self._lock = asyncio.Lock()

    async def load(self, name: str, path: str, *, replaces: bool) -> None:
        """Serve an adapter from now on.

        Args:
            name: by which requests will name it.
            path: of its folder, from the root on or absolute.
            replaces: whether it may take the place of one that is served under the name; that
                one's requests come to their end with it.

        Raises:
            ApiError: it can't be.
        """
        folder = self._folder(name, path)
        await _to_its_end(self._load(name, folder, replaces))

    async def unload(self, name: str) -> None:
        """Serve an adapter no more, but to the requests that came before.

        Raises:
            ApiError: there is none of that name.
        """
        await _to_its_end(self._unload(name))

    async def resolve(self, model: str | None) -> None:
        """Where that is on, begin to serve the folder of a name that nobody has loaded.

        Raises:
            ApiError: the folder is there, and can't be served.
        """
        wanted = self._resolves and model is not None and model not in self._names
        if not wanted or model is None or not CALLER.get().may_ask(model):
            return
        if not NAME.fullmatch(model) or self._root is None:
            return
        if await asyncio.to_thread((self._root / model).is_dir):
            await _to_its_end(self._load_unless_there(model, self._folder(model, model)))

    async def _load(self, name: str, folder: Path, replaces: bool) -> None:
        async with self._lock:
            if name == self._names.base or (name in self._names and not replaces):
                raise ApiError(
                    f"The lora adapter '{name}' has already been loaded. If you want to load the "
                    "adapter in place, set 'load_inplace' to True.",
                    kind=INVALID,
                )
            await self._add(name, folder)

    async def _load_unless_there(self, name: str, folder: Path) -> None:
        async with self._lock:
            if name not in self._names:
                await self._add(name, folder)

    async def _add(self, name: str, folder: Path) -> None:
        try:
            await asyncio.to_thread(_check_links, folder, self._root)
            renderer = await asyncio.to_thread(self._readers.renderer, name, folder)
            await asyncio.to_thread(self._loop.engine.add_adapter, name, folder)
        except (UsageError, OSError) as error:
            raise ApiError(str(error)) from error
        self._readers.add(name, renderer)
        self._names.add(name, folder)

    async def _unload(self, name: str) -> None:
        async with self._lock:
            if name not in self._names or name == self._names.base:
                raise ApiError(f"The lora adapter '{name}' cannot be found.", HTTPStatus.NOT_FOUND)
            self._names.remove(name)
            # What was submitted before is promised its adapter by the step that takes it in.
            await asyncio.wrap_future(self._loop.next_step())
            self._loop.engine.remove_adapter(name)
            self._readers.remove(name)

    def _folder(self, name: str, path: str) -> Path:
        """Where an adapter lies, links resolved."""
        if not NAME.fullmatch(name):
            raise ApiError(
                f"lora_name: {shown(name)} isn't a name: it begins with a letter or digit, then "
                "come at most 127 of those and of . _ -",
                kind=INVALID,
                param="lora_name",
            )
        try:
            folder = ((self._root or Path()) / path).resolve()
            is_there = folder.exists()
        except (OSError, RuntimeError, ValueError) as error:
            raise _not_found(path) from error
        if self._root is None or not folder.is_relative_to(self._root):
            raise ApiError(
                f"lora_path: {shown(path)} lies outside serve.adapter_root",
                kind=INVALID,
                param="lora_path",
            )
        if not is_there:
            raise _not_found(path)
        return folder


def _not_found(path: str) -> ApiError:
    return ApiError(f"No adapter found for {shown(path)}", HTTPStatus.NOT_FOUND, param="lora_path")


def _check_links(folder: Path, root: Path | None) -> None:
    """Refuse files that lie elsewhere; those of a hub's cache lie in its own tree.

    Raises:
        UsageError: with the first.
    """
    for each in sorted(folder.iterdir()) if folder.is_dir() else ():
        if root is not None and not each.resolve().is_relative_to(root):
            raise UsageError(f"{each}: leads out of serve.adapter_root")


async def _to_its_end(change: Coroutine[Any, Any, None]) -> None:
    """Whoever waits for it may be cancelled; it isn't."""
    await asyncio.shield(asyncio.ensure_future(change))
