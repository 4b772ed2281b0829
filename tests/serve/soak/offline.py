"""What the engine of a server answers without the server: every question by itself, greedily."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.engines.settings import Serving
from pipeline.inference.events import Finished, Token
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams
from pipeline.serve.config import composed


class Question(NamedTuple):
    """Whom, what, and how many tokens of an answer."""

    adapter: str | None
    prompt: str
    tokens: int


def questions(trace: Path) -> dict[int, Question]:
    """Those of a run's `trace.jsonl`, by their ids."""
    rows = map(json.loads, trace.read_text("utf-8").splitlines())
    return {
        row["id"]: Question(row["adapter"], row["prompt"], row["max_new_tokens"]) for row in rows
    }


def answers(overrides: Sequence[str], asked: Iterable[Question]) -> dict[Question, tuple[int, ...]]:
    """Token ids of every answer.

    Args:
        overrides: of the server.
        asked: any number of times each.

    Raises:
        RuntimeError: one can't be answered.
    """
    config = composed(overrides)
    checkpoint = config.model.checkpoint()
    adapters = {each.name: each for each in config.adapters.adapters(checkpoint.config)}
    serving = Serving(checkpoint, adapters, config.compute_threads, config.model.quantization)
    distinct = list(dict.fromkeys(asked))
    found: list[list[int]] = [[] for _ in distinct]
    with config.engine.build(serving) as engine:
        for number, each in enumerate(distinct):
            sampling = SamplingParams(max_new_tokens=each.tokens, ignore_eos=True)
            engine.submit(Request(number, each.adapter, each.prompt, sampling=sampling))
        while engine.busy:
            engine.wait()
            for event in engine.step():
                if isinstance(event, Token):
                    found[event.request_id].append(event.token_id)  # type: ignore[call-overload]
                elif isinstance(event, Finished) and event.error:
                    raise RuntimeError(f"{distinct[event.request_id]}: {event.error}")  # type: ignore[call-overload]
    return {each: tuple(ids) for each, ids in zip(distinct, found, strict=True)}
