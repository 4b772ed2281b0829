"""What has been loaded and can answer, wherever it is."""

from abc import ABC, abstractmethod

from pipeline.serve.server import HttpServer


class Deployment(ABC):
    """An engine, or several, and the server before them."""

    @property
    @abstractmethod
    def description(self) -> str:
        """What is served, and by what, in a line for people."""

    @abstractmethod
    def server(self) -> HttpServer:
        """The server, for the event loop that runs now; it doesn't listen yet."""

    @abstractmethod
    def close(self) -> None:
        """Free all that was loaded, and end what else was started."""
