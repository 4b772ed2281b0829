"""All requests to one server that are under way at once."""

import asyncio
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Any

from pipeline.engines.openai.exchange import exchange
from pipeline.engines.openai.reply import ServerReply
from pipeline.engines.openai.session import ServerSession

Done = Callable[[Hashable, ServerReply], None]
"""Called in the session's thread when all is over with a request."""


class Connection(ServerSession):
    """A session whose answers are streams, which are read as they come.

    Nothing is ever sent twice.
    """

    def __init__(
        self, base_url: str, headers: Mapping[str, str], timeout_s: float, done: Done
    ) -> None:
        """Not yet there.

        Args:
            base_url: of the server.
            headers: of every request.
            timeout_s: seconds after which a request is given up.
            done: is told of every request that was sent.
        """
        super().__init__(base_url, headers)
        self._timeout_s, self._done = timeout_s, done
        self._tasks: dict[Hashable, asyncio.Task[None]] = {}

    def send(self, id_: Hashable, path: str, body: Mapping[str, Any], tokens: int) -> None:
        """Begin with a request.

        Args:
            id_: of it.
            path: of the endpoint.
            body: to be sent.
            tokens: most that are asked for.
        """
        self._loop.call_soon_threadsafe(self._begin, id_, path, body, tokens)

    def cancel(self, id_: Hashable) -> None:
        """End a request; it is told as cancelled, unless it has ended before."""
        self._loop.call_soon_threadsafe(self._cancel, id_)

    async def _close(self) -> None:
        tasks = [*self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await super()._close()

    def _begin(self, id_: Hashable, path: str, body: Mapping[str, Any], tokens: int) -> None:
        task = self._loop.create_task(self._ask(id_, path, body, tokens))
        self._tasks[id_] = task
        task.add_done_callback(partial(self._forget, id_))

    async def _ask(self, id_: Hashable, path: str, body: Mapping[str, Any], tokens: int) -> None:
        post = partial(self._post, path, body)
        self._done(id_, await exchange(post, tokens, self._timeout_s))

    def _forget(self, id_: Hashable, task: asyncio.Task[None]) -> None:
        """One that was cancelled before it began has said nothing yet."""
        if self._tasks.get(id_) is task:
            del self._tasks[id_]
        if task.cancelled():
            self._done(id_, ServerReply(0.0, cancelled=True))

    def _cancel(self, id_: Hashable) -> None:
        if id_ in self._tasks:
            self._tasks[id_].cancel()
