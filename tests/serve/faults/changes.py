"""Adapters that are loaded, loaded anew and unloaded while they are asked."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
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
            body = question("turning", stream=number % 2 == 0)
            told.append(outcome(await ask(server.at, request(body)), texts))

    async def change(kind: str, **body: Any) -> Answer:
        return await ask(server.at, request(body, path=f"/v1/{kind}_lora_adapter"))

    async with regulars.asking(4) as found:
        asking = [asyncio.create_task(asks(number)) for number in range(8)]
        statuses, wrong, until, turn = [], [], time.monotonic() + SECONDS, 0
        while time.monotonic() < until:
            path = TURNS[turn % 2]
            new = await change("load", lora_name="turning", lora_path=path, load_inplace=True)
            fresh = await _own(server, regulars, path)
            if new.status != 200 or fresh != ANSWERED:
                wrong.append(f"after loading {path}: {new.status}, {fresh}")
            statuses.append(str(new.status))
            if turn % 5 == 4:
                statuses.append(str((await change("unload", lora_name="turning")).status))
            turn += 1
        leaving.set()
        await asyncio.gather(*asking)
        refused = [
            (
                "an adapter whose file is cut off",
                "load",
                {"lora_name": "b", "lora_path": "broken"},
                400,
            ),
            ("one that isn't there", "load", {"lora_name": "b", "lora_path": "nowhere"}, 404),
            (
                "one outside of serve.adapter_root",
                "load",
                {"lora_name": "b", "lora_path": "../.."},
                400,
            ),
            (
                "one behind a link that leads out",
                "load",
                {"lora_name": "b", "lora_path": "out"},
                400,
            ),
            ("a name that is served", "load", {"lora_name": "sql", "lora_path": "verse"}, 400),
            (
                "the base's name",
                "load",
                {"lora_name": "tiny", "lora_path": "verse", "load_inplace": True},
                400,
            ),
            ("a name with a slash", "load", {"lora_name": "a/b", "lora_path": "verse"}, 400),
            ("half a surrogate", "load", {"lora_name": "a", "lora_path": "\ud800"}, 400),
            ("a path with a zero in it", "load", {"lora_name": "a", "lora_path": "a\0b"}, 404),
            ("to unload who isn't there", "unload", {"lora_name": "nobody"}, 404),
        ]
        for what, kind, body, status in refused:
            answer = await change(kind, **body)
            good = answer.status == status and answer.error is not None
            yield Line("changes", what, str(answer.status), good)
    clear = all(each in (ANSWERED, "404") for each in told) and ANSWERED in told
    yield Line(
        "changes",
        f"{len(statuses)} loads, reloads and unloads",
        counted(statuses),
        {*statuses} == {"200"},
    )
    yield Line("changes", "who asks the one that changes", counted(told), clear)
    yield Line(
        "changes",
        "whoever asks after a load gets the new one's answer",
        "; ".join(wrong) or "always",
        not wrong,
    )
    yield regular("changes", found)
    await change("unload", lora_name="turning")


async def _own(server: Process, regulars: Regulars, path: str) -> str:
    """What the adapter that has just come answers."""
    return outcome(await ask(server.at, request(question("turning"))), [regulars.texts[path]])
