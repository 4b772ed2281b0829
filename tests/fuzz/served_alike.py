"""Whether an engine serves a checkpoint as transformers does, token by token as it serves."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from transformers import AutoModelForCausalLM
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from pipeline.config.run_config import RunConfig
from pipeline.engines.llama_cpp.files import _files
from pipeline.errors import UsageError
from pipeline.inference.teacher import Teacher
from pipeline.stages.build import build
from pipeline.stages.preflight import preflight
from pipeline.stages.prepare import Prepared, prepare
from pipeline.stages.replay import Replay
from tests.fuzz.campaign import Outcome

CONTINUATION = (40, 200, 77)
TOLERANCES = {"fp32": 5e-3, "f32": 5e-3, "f16": 0.1, "int8": 0.3, "q8_0": 0.6}
"""Most that a log-probability may be off by, over the spread of the logits; none for 4 bits."""
EXPONENTS_F32 = 1e15
"""Logits and weights beyond are as good as infinite: the order of sums and products decides whether
they overflow."""
EXPONENTS_F16 = 65504.0
"""llama.cpp's attention holds values in float16, whatever its weights are in."""
ORDINARY = 100.0
"""No model's weight is larger; beside larger ones a scale of integers leaves nothing of others."""

Answers = Callable[[RunConfig, Prepared], dict[int, Any]]
"""By request the logits of each token of the continuation; raises what the library raises."""


def tried(job: RunConfig, ask: Answers | None = None) -> Outcome:
    """Refused by preflight or `prepare`, or served as `served_alike` says; nothing else is right.

    Args:
        job: what is asked for.
        ask: the library; None asks transformers, of the base alone.
    """
    try:
        preflight([job])
        ready = prepare(job)
    except UsageError as error:
        return Outcome("refused", "", str(error))
    try:
        return served_alike(job, ready, ask)
    except UsageError as error:
        return Outcome("foreign", "", f"refused only after it had begun: {error}")


def served_alike(job: RunConfig, ready: Prepared, ask: Answers | None = None) -> Outcome:
    """Serve the trace with given tokens, and hold every logit against the library's own.

    `served`, `failed` where the engine says so of a model whose numbers overflow, else `unlike`.

    Args:
        job: what is served.
        ready: its model, adapters and trace.
        ask: the library; None asks transformers, of the base alone.
    """
    disable_progress_bar()
    set_verbosity_error()
    seen: dict[int, list[Any]] = defaultdict(list)
    requests = ready.trace.requests
    given = {request.id: CONTINUATION for request in requests}
    teacher = Teacher(given, lambda id_, place, row: seen[id_].append(np.array(row)))
    with patch("pipeline.engines.llama_cpp.engine.files_of", _files), build(job, ready) as built:
        led = built.engine.teach(teacher)
        _, records = Replay(built.engine, requests, None).run(0)
    errors = {record.id: record.error for record in records if record.error}
    if not led:
        return Outcome("failed" if errors else "served", "", "; ".join(errors.values()))
    try:
        with _outputs_watched() as watched:
            wanted = (ask or _transformers)(job, ready)
    except Exception as error:
        return Outcome("unlike", "", f"the library refuses it: {error!r}"[:3000])
    most, precision = _largest(ready), job.engine.precision
    limit = EXPONENTS_F16 if job.engine.name == "llama_cpp" else EXPONENTS_F32
    if most > ORDINARY and precision not in ("fp32", "f32"):
        precision = "unordinary"
    for id_, rows in wanted.items():
        finite = np.isfinite(rows).all()
        if id_ in errors:
            if not finite or most > EXPONENTS_F32 or watched.largest > limit:
                return Outcome("failed", "", errors[id_])
            return Outcome("unlike", "", f"failed where the library doesn't: {errors[id_]}")
        if not finite and most > EXPONENTS_F32:
            continue
        if fault := unlike(np.stack(seen[id_]), rows, precision):
            return Outcome("unlike", "", f"request {id_}: {fault}")
    return Outcome("served", "")


@dataclass
class Watched:
    """What a model computes on its way to the logits.

    Attributes:
        largest: of all modules' outputs, without sign; infinite for NaN.
    """

    largest: float = 0.0

    def look(self, _module: Any, _given: Any, output: Any) -> None:
        """As a hook after a module's forward pass."""
        if isinstance(output, torch.Tensor) and output.is_floating_point() and output.numel():
            found = float(output.detach().abs().max())
            self.largest = max(self.largest, found if np.isfinite(found) else np.inf)


@contextmanager
def _outputs_watched() -> Iterator[Watched]:
    watched = Watched()
    hook = torch.nn.modules.module.register_module_forward_hook(watched.look)
    try:
        yield watched
    finally:
        hook.remove()


def _largest(ready: Prepared) -> float:
    with ready.checkpoint.weights.open() as opened:
        return max(float(opened.tensor(each).abs().max()) for each in opened)


def unlike(ours: Any, theirs: Any, precision: str) -> str:
    """What tells two engines' logits apart, up to rounding; nothing if they say the same."""
    vocabulary = theirs.shape[1]
    if ours.shape[1] != vocabulary:
        return f"{ours.shape[1]} logits, the library has {vocabulary}"
    if not np.isfinite(theirs).all():
        return "served where the library computes NaN or infinity"
    ours, theirs = (each - _norm(each) for each in (ours, theirs))
    off, spread = np.abs(ours - theirs).max(), max(1.0, float(theirs.std()))
    if off / spread > TOLERANCES.get(precision, np.inf):
        return f"log-probabilities off by {off:.3g}, their spread is {spread:.3g}"
    return ""


def _norm(logits: Any) -> Any:
    most = logits.max(1, keepdims=True)
    return most + np.log(np.exp(logits - most).sum(1, keepdims=True))


@torch.inference_mode()
def _transformers(job: RunConfig, ready: Prepared) -> dict[int, Any]:
    folder = str(ready.checkpoint.folder)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, use_safetensors=True, attn_implementation="sdpa"
    ).eval()
    rows = {}
    for request in ready.trace.requests:
        ids = torch.tensor([[*request.prompt_ids, *CONTINUATION[:-1]]])
        found = model(input_ids=ids, use_cache=False, logits_to_keep=len(CONTINUATION)).logits
        rows[request.id] = found[0].float().numpy()
    return rows
