"""Changed adapter folders: refused in one line, or served as PEFT serves them.

Each case changes one or two things in a small sound adapter. The arm `loader` puts it through what
preflight asks of adapters and engine, and through the native loader; the arm `peft` also holds the
logits of a forward pass against PEFT's. An arm with the name of an engine puts it through the whole
of preflight and `prepare`, and serves it beside a sound one.
"""

import shutil
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from pipeline.config.run_config import RunConfig
from tests.fuzz.adapter_changes import NAMES, Change, Values, changes
from tests.fuzz.campaign import Outcome, Try
from tests.fuzz.composed import composed
from tests.fuzz.loaded import Loaded
from tests.fuzz.small_adapters import SOUND, random_values
from tests.fuzz.small_adapters import make as make_adapter
from tests.fuzz.small_checkpoints import make as make_checkpoint

BASES = ("llama", "qwen3")
UNCHANGED = ("plain", "patterns")
"""Sound adapters that are tried before any is changed."""
UNREADABLE = (OSError, ValueError, LookupError, TypeError, RecursionError, AttributeError)
"""What a change raises after another has left nothing that it could change."""
SETTINGS = {
    "multilora": ("engine=multilora", "arm=multilora_fp32"),
    "llama_cpp": ("engine=llama_cpp", "engine.precision=f32"),
}
SETTINGS |= dict.fromkeys(("loader", "peft"), SETTINGS["multilora"])


def begin(work: Path, arm: str, seed: int) -> Try:
    """Make the sound adapters, compose a job for the engine, and try each once unchanged."""
    return begin_with(BASES, OWN, work, arm, seed)


@dataclass(frozen=True)
class Cases:
    """What is changed.

    Attributes:
        sound: adapters to begin with, as `SOUND` has them.
        unchanged: those of them that are tried before any is changed.
        values: draws what a configuration may say.
    """

    sound: Mapping[str, tuple[str, dict[str, Any]]]
    unchanged: tuple[str, ...]
    values: Values


OWN = Cases(SOUND, UNCHANGED, random_values)


def begin_with(bases: Iterable[str], cases: Cases, work: Path, arm: str, seed: int) -> Try:
    """The same on these checkpoints, with these adapters."""
    warnings.simplefilter("ignore")
    attempts = [_on(base, cases, work / base, arm, seed) for base in bases]
    return lambda number: attempts[number % len(attempts)](number)


def _on(base: str, cases: Cases, work: Path, arm: str, seed: int) -> Try:
    work.mkdir()
    checkpoint = make_checkpoint(base, work / "base")
    settings = SETTINGS.get(arm, (f"engine={arm}",))
    folder = work / "adapters"
    job = composed(
        work, *settings, "model=folder", f"model.path={checkpoint}", "adapters=folder",
        f"adapters.path={folder}", "workload/popularity=round_robin",
    )  # fmt: skip
    shape = job.model.checkpoint().config
    sound = {
        name: make_adapter(work / "sound" / name, values, dtype, shape)
        for name, (dtype, values) in cases.sound.items()
    }
    made = changes(shape, cases.values)
    judge = _judge(job, arm)

    def attempt(number: int) -> Outcome:
        rng = Random(f"{seed}/{number}")
        shutil.rmtree(folder, ignore_errors=True)
        begun = rng.choice([*sound])
        name = rng.choice(NAMES) if rng.random() < 0.02 else "changed"
        shutil.copytree(sound[begun], folder / name)
        chosen = rng.choices([*made], [*made.values()], k=rng.choice((1, 1, 1, 1, 2)))
        said = "; ".join([begun, repr(name), *(_made(each, folder / name, rng) for each in chosen)])
        if arm not in ("loader", "peft"):
            shutil.copytree(sound["plain"], folder / "sound")
        return replace(judge(), change=said)

    for name in cases.unchanged:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(sound[name], folder / name)
        assert judge().kind == "served", name
    return attempt


def _made(change: Change, folder: Path, rng: Random) -> str:
    if not all(each.is_file() and each.stat().st_size < 1 << 20 for each in folder.glob("*")):
        return "nothing, after the change before has made a pipe of a file, or the like"
    try:
        return change(folder, rng)
    except UNREADABLE as error:
        return f"nothing, after the change before ({error!r:.80})"


def _judge(job: RunConfig, arm: str) -> Callable[[], Outcome]:
    if arm == "loader":
        return Loaded(job).judge
    if arm == "peft":
        from tests.fuzz.loaded_alike import LoadedAlike

        return LoadedAlike(job).judge
    return partial(_served, job, job.model.checkpoint().folder)


def _served(job: RunConfig, base: Path) -> Outcome:
    from tests.fuzz.peft_answers import PeftAnswers
    from tests.fuzz.served_alike import tried

    return tried(job, PeftAnswers(base).of_requests)
