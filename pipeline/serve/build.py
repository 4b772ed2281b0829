"""From a configuration to an engine that is loaded and steps, and what endpoints need to know."""

import asyncio
from dataclasses import dataclass

from pipeline.adapters.dialects.base_copies import check_copies
from pipeline.engines.settings import Serving
from pipeline.errors import UsageError, shown
from pipeline.machine.cores import check_threads
from pipeline.models.checkpoint import Checkpoint
from pipeline.serve.adapters import ServedNames
from pipeline.serve.answering import Desk
from pipeline.serve.config import ServeConfig
from pipeline.serve.loop import EngineLoop
from pipeline.serve.service import ServedModel, Service
from pipeline.stages.preflight import check_quantization


@dataclass(frozen=True)
class LoadedEngine:
    """An engine that steps, and what it serves.

    Attributes:
        config: what it was made by.
        checkpoint: the base model.
        names: who can be named.
        loop: steps the engine.
    """

    config: ServeConfig
    checkpoint: Checkpoint
    names: ServedNames
    loop: EngineLoop

    def service(self, loop: asyncio.AbstractEventLoop) -> Service:
        """What endpoints work with, on an event loop."""
        model, engine = self.checkpoint.config, self.loop.engine
        served = ServedModel(
            self.checkpoint.folder,
            self.checkpoint.tokenizer(),
            engine.longest or model.positions,
            model.vocabulary,
        )
        desk = Desk(engine, loop)
        return Service(self.config.serve, served, self.names, self.loop, desk)


def load(config: ServeConfig) -> LoadedEngine:
    """Check that all of it goes together, then load it.

    Raises:
        UsageError: it doesn't, or can't be loaded.
    """
    check_quantization(config.model, config.engine)
    checkpoint = config.model.checkpoint().check_numbers()
    adapters = {each.name: each for each in config.adapters.adapters(checkpoint.config)}
    if config.base_name in adapters:
        raise UsageError(
            f"serve.name={shown(config.base_name)}: an adapter is called so, too; give the base "
            "model another name"
        )
    for each in adapters.values():
        check_copies(each.check_numbers().lora, checkpoint)
    config.engine.check(checkpoint, adapters)
    check_threads(config.compute_threads)
    serving = Serving(checkpoint, adapters, config.compute_threads, config.model.quantization)
    loop = EngineLoop(config.engine.build(serving))
    loop.load()
    folders = {name: each.lora.origin or each.folder for name, each in adapters.items()}
    return LoadedEngine(config, checkpoint, ServedNames(config.base_name, folders), loop)
