"""An answer whose chunks aren't what HTTP says, and that nobody would see the end of."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import aiohttp


@contextmanager
def ended_by_its_connection(response: aiohttp.ClientResponse) -> Iterator[None]:
    """Inside, whoever reads the answer is told when its connection is closed.

    Aiohttp 3.14 closes it when it can't read on, and lets the reader of what came before wait.
    """
    connection = response.connection
    protocol = None if connection is None else connection.protocol
    closed = None if protocol is None else protocol.closed
    if closed is None:
        yield
        return
    tell = partial(_tell, response.content)
    closed.remove_done_callback(_looked_at)
    closed.add_done_callback(_looked_at)
    closed.add_done_callback(tell)
    try:
        yield
    finally:
        closed.remove_done_callback(tell)


def _tell(content: aiohttp.StreamReader, _: "asyncio.Future[None]") -> None:
    if not content.is_eof() and content.exception() is None:
        content.set_exception(aiohttp.ClientPayloadError("the server sent what is no HTTP"))


def _looked_at(closed: "asyncio.Future[None]") -> None:
    """Once a connection: else asyncio complains of an error that nobody looked at."""
    if not closed.cancelled():
        closed.exception()
