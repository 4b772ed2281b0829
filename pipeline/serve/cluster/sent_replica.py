"""What Ray Serve is given of a replica: a class that is sent whole and finds the program first."""

import pickle
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from pipeline.launch.program_finder import program_finder


def sent_replica() -> type:
    """Its class: a `Replica` of the sender's program, which the node may have at another place."""
    of_program = program_finder()

    class SentReplica:
        def __init__(self, config: bytes, application: str, owner: Any) -> None:
            replica = of_program("serve.cluster.replica").Replica
            self._replica = replica(pickle.loads(config), application, owner)

        async def answer(self, asked: Any) -> AsyncIterator[list[Any]]:
            async with aclosing(self._replica.answer(asked)) as told:
                async for messages in told:
                    yield messages

        async def metrics(self) -> tuple[str, list[Any]]:
            told: tuple[str, list[Any]] = await self._replica.metrics()
            return told

        def record_routing_stats(self) -> dict[str, Any]:
            stats: dict[str, Any] = self._replica.record_routing_stats()
            return stats

        def __del__(self) -> None:
            if replica := getattr(self, "_replica", None):
                replica.close()

    return SentReplica
