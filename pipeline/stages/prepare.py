"""Prepare: model, adapters and trace, on disk and checked against each other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pipeline.adapters.adapter import Adapter, hash_of
from pipeline.config.run_config import RunConfig
from pipeline.engines.settings import Serving
from pipeline.models.chat_template import ChatTemplate
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig
from pipeline.models.tokenizer import read_tokenizer
from pipeline.stages.own_tokens import OwnTokens
from pipeline.workload.exam import ExamQuestion, hash_of_questions, read_questions
from pipeline.workload.prompts.source import Encode
from pipeline.workload.room import ModelLimits
from pipeline.workload.trace import Trace

BASE_ALONE = (None,)
"""What requests name where there are no adapters."""


@dataclass(frozen=True)
class Prepared:
    """All that a run needs before its engine starts."""

    checkpoint: Checkpoint
    adapters: tuple[Adapter, ...]
    trace: Trace
    questions: tuple[ExamQuestion, ...] = ()

    def folders(self) -> tuple[Path, ...]:
        """Where model and adapters lie."""
        return (
            self.checkpoint.folder,
            *(each for adapter in self.adapters for each in adapter.folders),
        )

    def hashes(self) -> dict[str, str]:
        """Content hashes: what was measured, to the byte."""
        return {
            "model": self.checkpoint.fingerprint(),
            "adapters": hash_of(self.adapters),
            "trace": self.trace.sha256,
            **({"questions": hash_of_questions(self.questions)} if self.questions else {}),
        }


def prepare(config: RunConfig) -> Prepared:
    """Make or fetch the model and the adapters, and draw the trace.

    Raises:
        UsageError: they don't fit together.
    """
    checkpoint = config.model.checkpoint()
    adapters = config.adapters.adapters(checkpoint.config)
    for adapter in adapters:
        adapter.check_base(checkpoint)
    config.engine.check(checkpoint, {adapter.name: adapter for adapter in adapters})
    trace = draw(config, checkpoint.config, adapters)
    asked = questions(config, checkpoint.config, adapters)
    return Prepared(checkpoint, adapters, trace, asked)


def serving(
    config: RunConfig,
    checkpoint: Checkpoint,
    adapters: Iterable[Adapter],
    folder: Path | None = None,
) -> Serving:
    """What the engine of a run is built from; the files may not be made yet.

    Args:
        config: of the run.
        checkpoint: the base model.
        adapters: those that requests may name.
        folder: where the engine may leave files; None where nobody keeps any.
    """
    return Serving(
        checkpoint=checkpoint,
        adapters={adapter.name: adapter for adapter in adapters},
        threads=config.compute_threads,
        quantization=config.model.quantization,
        folder=folder,
    )


def draw(config: RunConfig, model: ModelConfig, adapters: Iterable[Adapter]) -> Trace:
    """The trace, which needs of the model its shape alone, and of all their tokenizers.

    Its requests ask for the run's sampling, as text or as ids.

    Raises:
        UsageError: it can't be drawn, or the model has no room for it.
    """
    asked = _asked(config, model)
    own = OwnTokens.of(adapters, asked.template)
    wide = asked._replace(room=own.widest(asked.room))
    drawn = config.workload.trace(*wide, own.readers)
    own.hold(drawn, asked.room)
    return drawn.asked(config.sampling.params(), config.workload.text)


def questions(
    config: RunConfig, model: ModelConfig, adapters: Iterable[Adapter]
) -> tuple[ExamQuestion, ...]:
    """Those by which the quality of answers is to be judged; none for who computes none.

    Raises:
        UsageError: their file can't be read, or the model has no room for one.
    """
    if config.quality.path is None or not config.engine.computes:
        return ()
    asked = _asked(config, model)
    end = asked.template.tokens().get("eos_token", "")
    own = OwnTokens.of(adapters, asked.template)
    wide = asked._replace(room=own.widest(asked.room))
    return read_questions(config.quality.path, *wide, own.readers, end)


class _Asked(NamedTuple):
    """Whom requests may ask, and how the model takes what they say, as workloads want it."""

    adapters: Sequence[str | None]
    encode: Encode
    room: ModelLimits
    template: ChatTemplate


def _asked(config: RunConfig, model: ModelConfig) -> _Asked:
    file = config.model.tokenizer_file()
    tokenizer = read_tokenizer(file)
    return _Asked(
        config.adapters.names() or BASE_ALONE,
        lambda text: tokenizer.encode(text).ids,
        ModelLimits(model.positions, model.vocabulary),
        ChatTemplate(file, tokenizer),
    )
