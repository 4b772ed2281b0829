"""Adapters that are loaded, loaded anew and unloaded while they are asked."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from tests.serve.faults.client import Answer, ask, request
from tests.serve.faults.clients import regular
from tests.serve.faults.load import Regulars, question
from tests.serve.faults.outcome import ANSWERED, Line, counted, outcome
from tests.serve.faults.server import ROOT, Process

TINY = ROOT / "pipeline" / "assets" / "tiny" / "adapters"
SECONDS = 10.0
TURNS = ("verse", "sql")
PART, NAME = "changes", "turning"

REFUSED: Sequence[tuple[str, str, dict[str, Any], int]] = (
    ("an adapter whose file is cut off", "load", {"lora_name": "b", "lora_path": "broken"}, 400),
    ("one that isn't there", "load", {"lora_name": "b", "lora_path": "nowhere"}, 404),
    ("one outside of serve.adapter_root", "load", {"lora_name": "b", "lora_path": "../.."}, 400),
    ("one behind a link that leads out", "load", {"lora_name": "b", "lora_path": "out"}, 400),
    ("a name that is served", "load", {"lora_name": "sql", "lora_path": "verse"}, 400),
    (
        "the base's name",
        "load",
        {"lora_name": "tiny", "lora_path": "sql", "load_inplace": True},
        400,
    ),
    ("a name with a slash", "load", {"lora_name": "a/b", "lora_path": "verse"}, 400),
    ("half a surrogate", "load", {"lora_name": "a", "lora_path": "\ud800"}, 400),
    ("a path with a zero in it", "load", {"lora_name": "a", "lora_path": "a\0b"}, 404),
    ("to unload who isn't there", "unload", {"lora_name": "nobody"}, 404),
)
"""What is tried, how, and the status that it gets."""


def rooted(folder: Path) -> Path:
    """A folder of adapters that may come, one that is broken, and a link that leads out."""
    root = folder / "adapters that come"
    for name in TURNS:
        shutil.copytree(TINY / name, root / name)
    broken = root / "broken"
    shutil.copytree(TINY / "sql", broken)
    for each in broken.glob("*.safetensors"):
        each.write_bytes(each.read_bytes()[:1000])
    (root / "out").symlink_to(TINY / "sql")
    return root


async def changes(server: Process, regulars: Regulars) -> AsyncIterator[Line]:
    """One name stands for one adapter, then another, then none; each answer is one of theirs."""
    told: list[str] = []
    leaving, texts = asyncio.Event(), [regulars.texts[name] for name in TURNS]

    async def asks(number: int) -> None:
        while not leaving.is_set():
            body = question(NAME, stream=number % 2 == 0)
            told.append(outcome(await ask(server.at, request(body)), texts))

    async with regulars.asking(4) as found:
        asking = [asyncio.create_task(asks(number)) for number in range(8)]
        statuses, fresh = await _turned(server, regulars)
        for what, kind, body, status in REFUSED:
            answer = await _change(server, kind, body)
            good = answer.status == status and answer.error is not None
            yield Line(PART, what, str(answer.status), good)
        leaving.set()
        await asyncio.gather(*asking)
    what = f"{len(statuses)} loads, reloads and unloads"
    yield Line(PART, what, counted(statuses), {*statuses} == {"200"})
    clear = {*told} <= {ANSWERED, "404", "told 404 in its stream"} and ANSWERED in told
    yield Line(PART, "who asks the one that changes", counted(told), clear)
    yield Line(PART, "who asks right after a load", counted(fresh), {*fresh} == {ANSWERED})
    yield regular(PART, found)


async def _turned(server: Process, regulars: Regulars) -> tuple[list[str], list[str]]:
    """Load, reload and unload for a while: statuses, and what the new one answered each time."""
    statuses, fresh, until = [], [], time.monotonic() + SECONDS
    for turn in count():
        if time.monotonic() > until:
            break
        path = TURNS[turn % 2]
        body = {"lora_name": NAME, "lora_path": path, "load_inplace": True}
        statuses.append(str((await _change(server, "load", body)).status))
        fresh.append(outcome(await ask(server.at, request(question(NAME))), [regulars.texts[path]]))
        if turn % 5 == 4:
            gone = await _change(server, "unload", {"lora_name": NAME})
            statuses.append(str(gone.status))
    return statuses, fresh


async def _change(server: Process, kind: str, body: Mapping[str, Any]) -> Answer:
    return await ask(server.at, request(body, path=f"/v1/{kind}_lora_adapter"))
