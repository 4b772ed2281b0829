"""What sits on a node of a Ray cluster and does what the sender's `RaySeat` asks of it."""

from typing import Any

from pipeline.launch.program_finder import program_finder


def workbench() -> type:
    """Its class, which is sent whole: the node may not have this program yet."""
    of_program = program_finder()

    class Workbench:
        def begun(self) -> None:
            """Answered as soon as the process is there."""

        def lacking(self, order: Any) -> list[str]:
            lacking: list[str] = of_program("launch.remote_inputs").lacking(order)
            return lacking

        def take_in(self, order: Any, sha256: str, pieces: list[Any]) -> None:
            import ray

            of_program("launch.remote_inputs").take_in(order, sha256, map(ray.get, pieces))

        def carry_out(self, order: Any) -> bytes:
            parcel: bytes = of_program("launch.remote").carried_out(order)
            return parcel

    return Workbench
