"""`engine=openai`: requests go to a server, and what it answers comes back as events."""

from collections import deque
from collections.abc import Hashable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Self

from pipeline.engines.batching.intake import Intake
from pipeline.engines.openai.connection import Connection
from pipeline.engines.openai.found_prompts import FoundPrompts, counted
from pipeline.engines.openai.impressions import Impressions
from pipeline.engines.openai.options import ASK_S, OpenAiOptions
from pipeline.engines.openai.reply import ServerReply, tokens_of
from pipeline.engines.openai.server import LaunchedServer, own_metrics
from pipeline.engines.settings import Serving
from pipeline.errors import UsageError, in_a_line
from pipeline.files.documents import write_json
from pipeline.inference.backend import Backend
from pipeline.inference.engine import Engine
from pipeline.inference.events import Event, Finished, FinishReason, Token
from pipeline.inference.outside import Outside
from pipeline.inference.request import Request

DYING_S = 1.0
"""Seconds in which a server that is lost is seen to have ended, if that is why."""


class OpenAiEngine(Engine):
    """All that is under way is so in a thread of its own; a step hands over what came of it.

    The tokens of an answer are told when it is whole, each with the stamp of its arrival: which
    they are may be known no earlier.
    """

    def __init__(self, settings: OpenAiOptions, serving: Serving) -> None:
        super().__init__(settings.capabilities)
        self.settings, self.serving = settings, serving
        self._asked: dict[Hashable, Request] = {}
        self._replies: deque[tuple[Hashable, ServerReply]] = deque()
        self._server: LaunchedServer | None = None
        self._found: FoundPrompts | None = None
        self._stack, self._is_open, self._is_kept = ExitStack(), False, False

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._folder = self._made_folder(stack)
            settings, address = self.settings, self.settings.address
            self._intake = Intake(self.serving.checkpoint, adapters=None)
            self._tokenizer = self.serving.checkpoint.tokenizer()
            self._seen = self._impressions()
            if (launch := settings.launch) is not None:
                self._server = LaunchedServer(launch, settings.origin(), self.serving, self._folder)
                stack.enter_context(self._server)
                address = self._server.address
            names = settings.ask(address, self.serving.adapters)
            self._maker = settings.maker(names)
            self._connection = stack.enter_context(
                Connection(address, settings.headers, settings.timeout_s, self._came)
            )
            self._stack, self._is_open = stack.pop_all(), True
        return self

    def close(self) -> None:
        """Keep what there is to say of the server, and end it if it was launched."""
        with self._stack:
            if self._is_open:
                self._is_open = False
                self._measured()

    def step(self) -> list[Event]:
        """Send what was submitted; the events of all that ended meanwhile."""
        requests, cancelled = self.inbox.take()
        events: list[Event] = []
        for request in requests:
            events += self._send(request)
        for id_ in cancelled:
            self._connection.cancel(id_)
        while self._replies:
            events += self._events(*self._replies.popleft())
        self.inbox.end(each.request_id for each in events if isinstance(each, Finished))
        return events

    def wait(self, seconds: float | None = None) -> bool:
        """Sleep until there is something to do; nothing that this process could mark goes on."""
        return self.inbox.wait(seconds)

    def forget_prefixes(self) -> None:
        """What the server keeps of prompts is its own affair; what it says of itself is kept.

        The first time is taken for the beginning of what is measured, the next for its end: what is
        served afterwards, under a profiler, is no part of what is kept.
        """
        if self._found is None:
            self._seen, self._found = self._impressions(), self._keep_metrics("start")
        else:
            self._measured()

    @property
    def adapter_counts(self) -> None:
        """The server doesn't tell."""
        return None

    @property
    def backend(self) -> Backend:
        """Whatever the server is."""
        return Backend("server", built=self._maker.names.base)

    @property
    def outside(self) -> Outside:
        """What a launched server took; of another nobody knows."""
        return self._server.outside if self._server else Outside()

    @property
    def notes(self) -> Sequence[str]:
        """How well the server let its answers be known, and what of the prompts it computed."""
        found = self._seen.found
        if not found.prompts and self._found is not None:
            found = counted(self._metrics().decode("utf-8", "replace")) - self._found
        return (*self._seen.notes(), *found.notes())

    def _send(self, request: Request) -> list[Event]:
        try:
            prompt = self._prompt(request)
            body = self._maker.body(request, prompt)
        except UsageError as error:
            return [Finished.failed(request.id, perf_counter(), str(error))]
        self._asked[request.id] = request
        self._seen.sending(request, prompt)
        self._connection.send(request.id, self._maker.path, body, request.max_new_tokens)
        return []

    def _prompt(self, request: Request) -> str | list[int]:
        """As the server gets it."""
        if self.settings.send == "ids" or request.prompt is None:
            self.clock.enter("tokenize")
            ids = self._intake.prompt(request)
            self.clock.enter("other")
            if self.settings.send == "ids":
                return ids
            return str(self._tokenizer.decode(ids, skip_special_tokens=True))
        return request.prompt

    def _came(self, id_: Hashable, reply: ServerReply) -> None:
        """In the connection's thread: all is over with a request."""
        self._replies.append((id_, reply))
        self.inbox.wake()

    def _events(self, id_: Hashable, reply: ServerReply) -> list[Event]:
        request = self._asked.pop(id_)
        ended = reply.ended or perf_counter()
        try:
            told = self._tokens(request, reply)
        except Exception as error:
            return [Finished.failed(id_, ended, in_a_line(error))]
        if reply.cancelled:
            return [*told, Finished.cancelled(id_, ended)]
        if reply.error is not None:
            return [*told, Finished.failed(id_, ended, self._cause(reply))]
        reason = FinishReason.STOP if reply.finish == "stop" else FinishReason.LENGTH
        text = None if request.prompt is None and not request.sampling.stop else reply.text
        return [*told, Finished(id_, reply.finished_at, reason, text)]

    def _tokens(self, request: Request, reply: ServerReply) -> list[Event]:
        ends = self._intake.end_ids if reply.finish == "stop" else frozenset[int]()
        found = tokens_of(reply, self._tokenizer, frozenset() if request.sampling.stop else ends)
        self._seen.answered(request, reply, found)
        pairs = zip(found.ids, found.stamps, strict=True)
        return [Token(request.id, at, each) for each, at in pairs]

    def _cause(self, reply: ServerReply) -> str:
        """What a request failed of, and how a launched server ended, if it did."""
        if self._server is None or not reply.lost:
            return str(reply.error)
        return "; ".join(filter(None, (reply.error, self._server.last_words(DYING_S))))

    def _measured(self) -> None:
        """Keep what was seen of the server, unless it was kept before."""
        if not self._is_kept:
            self._is_kept = True
            self._keep_metrics("end")
            write_json(self._folder / "client.json", self._seen.document())

    def _impressions(self) -> Impressions:
        return Impressions(self.settings.endpoint, self._tokenizer)

    def _made_folder(self, stack: ExitStack) -> Path:
        folder = self.serving.folder
        if folder is None:
            return Path(stack.enter_context(TemporaryDirectory(prefix="server-")))
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _keep_metrics(self, when: str) -> FoundPrompts:
        """Write what the server says of itself into a file, if it says anything."""
        if said := self._metrics():
            (self._folder / f"metrics_{when}.prom").write_bytes(said)
        return counted(said.decode("utf-8", "replace"))

    def _metrics(self) -> bytes:
        """What the server says of itself; empty where it says nothing."""
        path = self.settings.metrics
        if path is None:
            return b""
        return own_metrics(lambda: self._connection.get(path, ASK_S)) or b""
