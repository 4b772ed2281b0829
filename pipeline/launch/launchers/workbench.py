"""What sits on a node of a Ray cluster and does what the sender's `RaySeat` asks of it."""

from collections.abc import Callable
from typing import Any

from pipeline.places import PACKAGE


def workbench() -> type:
    """Its class, which is sent whole: the node may not have this program yet.

    A node knows the program from where the sender has it, or as it was installed there.
    """
    beside = str(PACKAGE.parent)

    class Workbench:
        def lacking(self, order: Any) -> list[str]:
            lacking: list[str] = self._of_program("remote_inputs", "lacking")(order)
            return lacking

        def take_in(self, order: Any, sha256: str, pieces: list[Any]) -> None:
            import ray

            self._of_program("remote_inputs", "take_in")(order, sha256, map(ray.get, pieces))

        def carry_out(self, order: Any) -> bytes:
            parcel: bytes = self._of_program("remote", "carried_out")(order)
            return parcel

        def _of_program(self, module: str, name: str) -> Callable[..., Any]:
            import sys
            from importlib import import_module

            if beside not in sys.path:
                sys.path.append(beside)
            try:
                found: Callable[..., Any] = getattr(
                    import_module(f"pipeline.launch.{module}"), name
                )
            except (ImportError, AttributeError) as error:
                raise RuntimeError(
                    f"{sys.executable}: the sender's program isn't there ({error}): install the "
                    f"same one, or put its checkout at {beside}"
                ) from error
            return found

    return Workbench
