"""From a configuration to an engine that is loaded and steps, and what endpoints need to know."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.engines.settings import Serving
from pipeline.errors import UsageError, shown
from pipeline.inference.engine import Engine
from pipeline.inference.token_vocabulary import TokenVocabulary
from pipeline.machine.cores import check_threads
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.tokenizer import TOKENIZER
from pipeline.serve.access_log import AccessLog
from pipeline.serve.adapters import ServedNames
from pipeline.serve.admission import Admission
from pipeline.serve.app import app_of
from pipeline.serve.chat_renderers import ChatRenderers
from pipeline.serve.config import ServeConfig
from pipeline.serve.deployment import Deployment
from pipeline.serve.desk import Desk
from pipeline.serve.keys import Keys
from pipeline.serve.loop import EngineLoop
from pipeline.serve.metrics.adapter_totals import AdapterTotals
from pipeline.serve.metrics.traffic import Traffic
from pipeline.serve.model import ServedModel
from pipeline.serve.readers import Readers
from pipeline.serve.server import HttpServer
from pipeline.serve.service import Service
from pipeline.stages.base import Base, check_quantization


@dataclass(frozen=True)
class LoadedEngine(Deployment):
    """An engine that steps, and what it serves.

    Attributes:
        config: what it was made by.
        readers: of the base model, and of adapters with their own tokens.
        names: who can be named.
        loop: steps the engine.
        keys: who may ask; None for whoever can reach the server.
        log: of requests.
    """

    config: ServeConfig
    readers: Readers
    names: ServedNames
    loop: EngineLoop
    keys: Keys | None
    log: AccessLog

    @property
    def description(self) -> str:
        """See `Deployment`."""
        names = self.names
        return (
            f"{names.base} and {len(names.folders)} adapters, by engine={self.config.engine.name}"
        )

    def server(self) -> HttpServer:
        """See `Deployment`."""
        service = self.service(asyncio.get_running_loop())
        return HttpServer(service, partial(app_of, service))

    def service(self, loop: asyncio.AbstractEventLoop) -> Service:
        """What endpoints work with, on an event loop."""
        totals = AdapterTotals(self.names.base, self.config.serve.metrics_adapters)
        settings = self.config.serve
        desk = Desk(
            self.loop.engine,
            loop,
            Traffic(self.readers.base.model.longest, totals),
            Admission(settings.max_waiting, settings.max_per_adapter),
        )
        return Service(
            self.config.serve, self.readers, self.names, self.loop, desk, self.keys, self.log
        )

    def close(self) -> None:
        """Free the engine, and end what else was started."""
        self.loop.stop()
        self.readers.close()
        self.log.close()


def checked(config: ServeConfig) -> Base:
    """Check that all of it goes together; the base and its adapters, whose weights aren't read yet.

    Raises:
        UsageError: it doesn't.
    """
    check_quantization(config.model, config.engine)
    base = Base.preview(config.model, config.adapters)
    if config.base_name in base.adapters:
        raise UsageError(
            f"serve.name={shown(config.base_name)}: an adapter is called so, too; give the base "
            "model another name"
        )
    config.engine.check(base.checkpoint, base.adapters)
    check_threads(config.compute_threads)
    return base


def load(config: ServeConfig) -> LoadedEngine:
    """Check, then load it.

    Raises:
        UsageError: it doesn't go together, or can't be loaded.
    """
    keys = Keys.read(config.serve.keys) if config.serve.keys is not None else None
    with ExitStack() as stack:
        log = AccessLog(config.serve.access_log)
        stack.callback(log.close)
        base = checked(config)
        renderers = ChatRenderers(_tokenizer_folder(base.checkpoint), config.serve.chat_template)
        stack.callback(renderers.close)
        # What is no template is refused before anything heavy starts.
        started = [renderers.of(each) for each in (None, *base.adapters.values())]
        made = _loaded(config, renderers, keys, log)
        del started
        stack.pop_all()
    return made


def _loaded(
    config: ServeConfig, renderers: ChatRenderers, keys: Keys | None, log: AccessLog
) -> LoadedEngine:
    checkpoint = config.model.checkpoint()
    adapters = {each.name: each for each in config.adapters.adapters(checkpoint.config)}
    serving = Serving(checkpoint, adapters, config.compute_threads, config.model.quantization)
    loop = EngineLoop(config.engine.build(serving))
    loop.load()
    folders = {name: each.lora.origin or each.folder for name, each in adapters.items()}
    names = ServedNames(config.base_name, folders)
    model = _model(checkpoint, loop.engine, config)
    readers = Readers(model, checkpoint.config, loop.engine, renderers)
    for name, each in adapters.items():
        readers.add(name, renderers.of(each))
    return LoadedEngine(config, readers, names, loop, keys, log)


def _tokenizer_folder(checkpoint: Checkpoint) -> Path:
    """Of a model that may not be made yet."""
    return (checkpoint.tokenizer_source or checkpoint.folder / TOKENIZER).parent


def _model(checkpoint: Checkpoint, engine: Engine, config: ServeConfig) -> ServedModel:
    model = checkpoint.config
    return ServedModel(
        checkpoint.folder,
        TokenVocabulary(model.vocabulary, checkpoint.tokenizer()),
        engine.longest or model.positions,
        model.end_ids,
        config.engine.max_batch_size,
    )
