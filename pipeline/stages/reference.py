"""The reference's answers: made once, before the measured engine is built, and kept on disk.

They are made in a process of their own that is gone before `build` begins, because the reference
holds the whole base unquantised: beside the measured engine it would need memory for both, and
in the measured process it would be that process's peak. Whoever runs the same model, adapters and
requests again, with whatever engine, finds them in the cache.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from pipeline.config.run_config import RunConfig
from pipeline.engines.needs import Need
from pipeline.engines.settings import EngineSettings, Serving
from pipeline.errors import UsageError, in_a_line
from pipeline.files.atomic import whole_file
from pipeline.inference.sampling_params import SamplingParams
from pipeline.machine.cores import check_threads
from pipeline.machine.memory import AvailableMemory
from pipeline.machine.software import versions
from pipeline.metrics.distributions import Scores
from pipeline.process.child import Child, Died
from pipeline.stages.memory import check_needs, room_of
from pipeline.stages.prepare import Prepared
from pipeline.stages.replay import Replay
from pipeline.workload.request import TraceRequest, excerpt

LIBRARIES = ("torch", "transformers", "peft")
"""Whose versions may move the reference's answers by a rounding error."""

SCORE_BYTES = 4
"""Of a log-probability."""


@dataclass(frozen=True)
class ReferenceAnswer:
    """What the reference says to one request of the excerpt.

    Attributes:
        request: with `max_new_tokens` as the excerpt cut it.
        token_ids: its greedy continuation.
        scores: its log-probabilities along that continuation, (tokens, vocabulary).
        base_ids: whether its adapter has the base's token ids, so that the base can be asked it.
    """

    request: TraceRequest
    token_ids: tuple[int, ...]
    scores: Scores
    base_ids: bool = True


@dataclass(frozen=True)
class Reference:
    """The reference's answers, in the order of the trace.

    Attributes:
        identity: all that decides them.
        answers: empty when they could not be had.
        trouble: why they could not be had.
    """

    identity: Mapping[str, Any]
    answers: tuple[ReferenceAnswer, ...] = ()
    trouble: str | None = None


@dataclass(frozen=True)
class ReferenceRecipe:
    """What the reference is made from; the requests are to be answered greedily."""

    engine: EngineSettings
    serving: Serving
    requests: tuple[TraceRequest, ...]

    @property
    def asked(self) -> list[TraceRequest]:
        """What the reference is asked: the same by ids."""
        return [replace(each, by_text=False) for each in self.requests]


def refer(config: RunConfig, prepared: Prepared, model_hash: str) -> Reference:
    """The reference for a run: from the cache, or made now in a process of its own.

    Trouble with it doesn't end the run: what it would have told is then missing.
    """
    if not config.fidelity.enabled:
        return Reference({}, trouble="fidelity.enabled=false")
    if not config.engine.computes:
        return Reference({}, trouble=f"engine={config.engine.name} computes nothing")
    recipe = _recipe(config, prepared)
    truth = recipe.serving.checkpoint
    known = model_hash if truth is prepared.checkpoint else truth.fingerprint()
    identity = _identity(recipe, known)
    text = json.dumps(identity, sort_keys=True, default=str)
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    path = Path(config.paths.cache) / "references" / f"{key}.safetensors"
    answers = _read(path, recipe)
    if answers is None:
        trouble = _without_room(recipe, room_of(config)) or _in_its_own_process(recipe, path)
        if trouble:
            return Reference(identity, trouble=f"the reference could not be made: {trouble}")
        answers = _read(path, recipe)
    assert answers is not None
    return Reference(identity, answers)


def answer(recipe: ReferenceRecipe) -> dict[str, NDArray[Any]]:
    """Let the reference generate greedily, then score what it wrote; tensors by name.

    Raises:
        RuntimeError: a request failed, or the engine can't score.
    """
    check_threads(recipe.serving.threads)
    recipe.engine.check(recipe.serving.checkpoint, recipe.serving.adapters)
    tensors: dict[str, NDArray[Any]] = {}
    with recipe.engine.build(recipe.serving) as engine:
        _, records = Replay(engine, recipe.asked, None).run(0)
        places = {request.id: place for place, request in enumerate(recipe.requests)}
        for record in records:
            if record.error:
                raise RuntimeError(f"request {record.id} failed: {record.error}")
            place = places[record.id]
            prompt = recipe.requests[place].prompt_ids
            scores = engine.score(record.adapter, prompt, record.output_ids)
            if scores is None:
                raise RuntimeError(f"fidelity.reference.name={recipe.engine.name} can't score")
            tensors[f"{place}.scores"] = np.ascontiguousarray(scores, dtype=np.float32)
            tensors[f"{place}.tokens"] = np.asarray(record.output_ids, dtype=np.int64)
    return tensors


def _recipe(config: RunConfig, prepared: Prepared) -> ReferenceRecipe:
    bounds = config.fidelity
    requests = excerpt(
        prepared.trace.requests, bounds.adapters, bounds.requests_per_adapter, bounds.max_tokens
    )
    wanted = {request.adapter for request in requests}
    serving = Serving(
        checkpoint=config.model.truth(prepared.checkpoint),
        adapters={each.name: each for each in prepared.adapters if each.name in wanted},
        threads=config.compute_threads,
    )
    plain = SamplingParams(ignore_eos=config.sampling.ignore_eos)
    together = tuple(
        replace(each, iteration=0, scheduled_s=0.0, sampling=plain) for each in requests
    )
    return ReferenceRecipe(bounds.reference, serving, together)


def _identity(recipe: ReferenceRecipe, model_hash: str) -> dict[str, Any]:
    asked = [
        (request.adapter, request.prompt_ids, request.max_new_tokens) for request in recipe.requests
    ]
    installed = versions()
    settings = json.dumps(asdict(recipe.engine), default=str)  # type: ignore[call-overload]
    return {
        "engine": json.loads(settings),
        "model": model_hash,
        "adapters": sorted(each.fingerprint() for each in recipe.serving.adapters.values()),
        "ignore_eos": all(request.sampling.ignore_eos for request in recipe.requests),
        "requests": hashlib.sha256(json.dumps(asked).encode()).hexdigest(),
        "versions": {name: installed.get(name) for name in LIBRARIES},
    }


def _read(path: Path, recipe: ReferenceRecipe) -> tuple[ReferenceAnswer, ...] | None:
    """The answers in the cache; None when they aren't there or can't be read."""
    adapters = recipe.serving.adapters.values()
    own = {each.name for each in adapters if each.lora.vocabulary is not None}
    try:
        tensors = load_file(path)
        return tuple(
            ReferenceAnswer(
                request,
                tuple(tensors[f"{place}.tokens"].tolist()),
                tensors[f"{place}.scores"],
                request.adapter not in own,
            )
            for place, request in enumerate(recipe.requests)
        )
    except (OSError, SafetensorError, KeyError):
        return None


def _without_room(recipe: ReferenceRecipe, room: AvailableMemory) -> str | None:
    """Why it needs not be tried: it holds the base unquantised, and what it says of every token."""
    places = sum(request.max_new_tokens for request in recipe.requests)
    width = SCORE_BYTES * recipe.serving.checkpoint.config.vocabulary
    scores = Need(f"what it says at {places} places (fidelity.max_tokens)", width * places)
    try:
        asked = [each.to_inference() for each in recipe.asked]
        check_needs([*recipe.engine.needs(recipe.serving, asked), scores], room)
    except UsageError as error:
        return str(error)
    return None


def _in_its_own_process(recipe: ReferenceRecipe, path: Path) -> str | None:
    """Write the answers to `path`; None, or why there are none."""
    try:
        with Child(_answer, recipe, path) as child:
            child.result()
    except Exception as error:
        return str(error) if isinstance(error, Died) else in_a_line(error)[:300]
    return None


def _answer(recipe: ReferenceRecipe, path: Path) -> None:
    _write(answer(recipe), path)


def _write(tensors: dict[str, NDArray[Any]], path: Path) -> None:
    """Whole or not at all."""
    with whole_file(path) as draft:
        save_file(tensors, draft)
