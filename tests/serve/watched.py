"""A server under load, watched by a real Prometheus: `python -m tests.serve.watched`.

Serves model=tiny, lets clients ask its adapters by Zipf's law, and puts the questions of
docs/serving.md to Prometheus, which scrapes meanwhile; a line for each with what it answered, then
Prometheus' counts against the server's own. Exit code 1 if a question finds nothing or a count
differs. Prometheus comes from Debian's package of that name, or `PROMETHEUS=` names its program.
Its pages are at the addresses that are printed, for as long as it runs.
"""

import argparse
import asyncio
import math
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from pipeline.machine.free_port import free_port
from tests.serve.faults.client import ask, request
from tests.serve.faults.load import MODELS, question
from tests.serve.faults.server import ROOT, Process, started

INSTALL = "apt-get install prometheus, or name its program by PROMETHEUS="
PAGE = ROOT / "docs" / "serving.md"
SPAN = "20s"
"""What rates are taken over here: the load is short."""
COUNTED = ("vllm:generation_tokens_total", "vllm:prompt_tokens_total", "vllm:request_success_total")
SERVED = (
    *("engine=multilora", "threads=1", "engine.prefix_cache=true", "engine.max_batch_size=12"),
    *("engine.adapter_memory_mb=2.5", "engine.policy=fair"),
)
"""With room for five of the eight adapters, so that they come and go."""


def questions() -> list[str]:
    """Those that the page gives, over a shorter time."""
    text = PAGE.read_text("utf-8").partition("in PromQL:")[2]
    block = re.search(r"```\w*\n(.*?)```", text, re.S)
    assert block, f"{PAGE}: no questions in PromQL"
    return [re.sub(r"\[\dm\]", f"[{SPAN}]", line) for line in block[1].splitlines()]


@dataclass(frozen=True)
class Prometheus:
    """One that runs.

    Attributes:
        url: where it answers.
    """

    url: str

    def value(self, query: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of every series that a question finds now."""
        told = httpx2.get(f"{self.url}/api/v1/query", params={"query": query}).json()
        found = told["data"]["result"]
        return [(each["metric"], float(each["value"][1])) for each in found]


@contextmanager
def scraping(folder: Path, port: int) -> Iterator[Prometheus]:
    """A Prometheus that scrapes a server of this machine every second.

    Raises:
        RuntimeError: there is none here, or it doesn't start.
    """
    program = os.environ.get("PROMETHEUS") or shutil.which("prometheus")
    if program is None:
        raise RuntimeError(f"no prometheus here: {INSTALL}")
    own = free_port()
    config, log = folder / "prometheus.yml", folder / "prometheus.txt"
    config.write_text(
        "scrape_configs:\n  - job_name: multilora\n    scrape_interval: 1s\n"
        f'    static_configs: [{{ targets: ["localhost:{port}"] }}]\n'
    )
    command = [program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{own}"]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{own}"
        for _ in range(600):
            try:
                if httpx2.get(f"{url}/-/ready").status_code == 200:
                    break
            except httpx2.HTTPError:
                time.sleep(0.1)
        else:
            raise RuntimeError(f"prometheus didn't start: {log.read_text()[-500:]}")
        yield Prometheus(url)
    finally:
        process.terminate()
        process.wait(30)


async def loaded(server: Process, seconds: float, clients: int) -> int:
    """Ask for so long; the number of answers."""
    until, weights = time.monotonic() + seconds, [1 / (rank + 1) for rank in range(len(MODELS))]
    models = (*MODELS[1:], MODELS[0])

    async def one(seed: int) -> int:
        draw, answers = random.Random(seed), 0
        while time.monotonic() < until:
            (model,) = draw.choices(models, weights)
            body = question(model, draw.randint(20, 160), stream=True)
            answers += (await ask(server.at, request(body))).text is not None
        return answers

    return sum(await asyncio.gather(*(one(seed) for seed in range(clients))))


def main(arguments: Sequence[str] | None = None) -> int:
    """Load, scrape, ask; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.serve.watched", description=__doc__)
    parser.add_argument("--seconds", type=float, default=40, help="of load")
    parser.add_argument("--clients", type=int, default=16)
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="watched-")))
        server = stack.enter_context(started(folder, *SERVED))
        prometheus = stack.enter_context(scraping(folder, server.at.port))
        print(f"    http://{server.at.host}:{server.at.port}/ and {prometheus.url}", flush=True)
        return asyncio.run(_watched(server, prometheus, options))


async def _watched(server: Process, prometheus: Prometheus, options: argparse.Namespace) -> int:
    asking = asyncio.create_task(loaded(server, options.seconds, options.clients))
    await asyncio.sleep(options.seconds * 0.6)
    bad = 0
    for query in ('up{job="multilora"}', *questions(), "vllm:lora_requests_info"):
        every = await asyncio.to_thread(prometheus.value, query)
        found = [each for each in every if not math.isnan(each[1])]
        bad += not found
        print(f"{'ok' if found else 'BAD':4}{query}", flush=True)
        for labels, value in found[:5]:
            shown = ", ".join(f"{k}={v}" for k, v in labels.items() if k not in ("job", "instance"))
            print(f"        {value:12.5g}  {shown}", flush=True)
    print(f"    {await asking} answers in {options.seconds:g} s and what was under way then")
    await asyncio.sleep(3)
    own = server.get("/metrics").text
    for name in COUNTED:
        (_, scraped), *_ = prometheus.value(f"sum({name})")
        told = sum(float(line.split()[-1]) for line in own.splitlines() if line.startswith(name))
        bad += scraped != told
        print(f"{'ok' if scraped == told else 'BAD':4}{name}: {scraped:g} scraped, {told:g} told")
    print("all found" if not bad else f"{bad} BAD")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
