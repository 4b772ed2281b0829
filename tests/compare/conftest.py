"""Run directories with plausible figures, made in milliseconds."""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from pipeline.compare.comparison import assemble
from pipeline.compare.report.page import write
from pipeline.files.documents import write_json
from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.metrics.timeline import Iteration, RequestRecord
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status

SPEED = {"peft_hotswap": 30.0, "merged": 21.0, "llama_cpp": 70.0, "multilora": 104.0}
SWITCHING = {"peft_hotswap": 0.22, "merged": 0.45, "llama_cpp": 0.12, "multilora": 0.0}
ADAPTERS = ("pirate", "haiku", "json", "lawyer", "nurse")

MakeRun = Callable[..., Path]
MakeSweep = Callable[..., Path]


def configuration(engine: str, alpha: float | None, batch: int, repeat: int) -> dict[str, Any]:
    """A resolved configuration, as far as a comparison reads it."""
    workload: dict[str, Any] = {"batch_size": batch, "iterations": 4}
    if alpha is not None:
        workload |= {"alpha": alpha, "popularity": {"name": "zipf", "alpha": alpha}}
    return {
        "model": {"name": "tiny", "path": "models/tiny"},
        "adapters": {"name": "trained", "count": len(ADAPTERS)},
        "engine": {"name": engine, "_target_": f"pipeline.engines.{engine}", "threads": 2}
        | ({"precision": "int4"} if engine == "multilora" else {}),
        "workload": workload,
        "paths": {"run": f"runs/{engine}{alpha}{batch}{repeat}"},
        "repeat": repeat,
        "threads": 2,
    }


def figures(engine: str, alpha: float | None, batch: int, repeat: int) -> dict[str, float | str]:
    """Metrics that obey the obvious laws: skew and batching help, switching costs."""
    noise = random.Random(f"{engine}{alpha}{batch}{repeat}").gauss(1, 0.03)
    switching = SWITCHING.get(engine, 0.0) * (1 / (1 + (alpha or 0.0)))
    tokens = SPEED.get(engine, 9e5) * batch**0.35 * (1 - switching) * noise
    wall = batch * 32 / tokens
    switches = 0.0 if engine == "multilora" else round(16 * switching * batch)
    shares = {"tokenize": 0.004, "sample": 0.012, "detokenize": 0.006, "other": 0.01}
    shares |= {"adapter_switch": switching, "adapter_load": switching / 6, "prefill": 0.21}
    shares["decode"] = 1 - sum(shares.values())
    return {
        "output_tokens_per_s": tokens,
        "sequences_per_s": tokens / 32,
        "latency_per_iteration_s": wall,
        "latency_per_iteration_s/cv": 0.13 if engine == "merged" else 0.02,
        "ttft_s/p50": wall * 0.2,
        "ttft_s/p90": "n too small" if batch < 8 else wall * 0.6,
        "tpot_s/p50": batch / tokens,
        "tpot_s/p90": "n too small" if batch < 8 else 1.3 * batch / tokens,
        "itl_s/p50": 0.96 * batch / tokens,
        "e2e_s/p50": wall * 0.8,
        "adapter_switches": switches,
        "adapter_hit_rate": 0.9,
        "served_agreement": 1.0,
        "token_agreement": 1.0 if engine == "peft_hotswap" else 0.987,
        "mean_kl": 2e-13 if engine == "peft_hotswap" else 0.0123,
        "model_bytes": 4.4e9 if engine == "peft_hotswap" else 1.1e9,
    } | {f"stage_seconds/{stage}": share * wall * 4 for stage, share in shares.items()}


def environment() -> dict[str, Any]:
    """The parts of `environment.json` that a report names."""
    return {
        "hostname": "some-host",
        "machine_id": "0123456789abcdef",
        "os": "Some Linux 12",
        "kernel": "6.1.0",
        "python": "3.11.4",
        "cpu": {
            "model": "Some CPU @ 2.50GHz",
            "vendor": "SomeVendor",
            "family": 25,
            "model_number": 1,
            "stepping": 1,
            "affinity": [0, 1],
            "physical_cores": 2,
            "logical_cores": 4,
            "flags": ["avx2", "fma"],
        },
        "memory": {"total_bytes": 16 * 2**30},
        "threads": 2,
        "threads_reason": "2 physical of 4 logical cores in the affinity mask, no CPU quota",
        "backend": {"kernels": "torch", "instruction_set": "AVX2", "built": "torch 2.13.0"},
        "versions": {"torch": "2.13.0", "peft": "0.21.2", "bitsandbytes": None},
        "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "dirty": True},
        "hashes": dict.fromkeys(("model", "adapters", "questions"), "0" * 64),
    }


def merged(known: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A record with some of its fields changed, those of its parts too."""
    parts = {key: new for key, new in changes.items() if isinstance(new, dict)}
    inner = {key: merged(known.get(key, {}), new) for key, new in parts.items()}
    return {**known, **changes, **inner}


def requests(engine: str, alpha: float | None, batch: int, wall: float) -> list[RequestRecord]:
    """Requests of four batches, the popular adapters served first."""
    draw = random.Random(f"{engine}{alpha}{batch}")
    weights = [(rank + 1) ** -(alpha or 0.0) for rank in range(len(ADAPTERS))]
    records = []
    for number in range(4 * batch):
        adapter = draw.choices(range(len(ADAPTERS)), weights)[0]
        first = wall * (0.05 + (0.12 * adapter * (engine != "multilora") + 0.1) * draw.random())
        step = (wall - first) / 40
        tokens = tuple(first + step * draw.uniform(0.9, 1.1) * k for k in range(32))
        records.append(
            RequestRecord(
                id=number,
                iteration=number // batch,
                adapter=ADAPTERS[adapter],
                prompt_tokens=20,
                scheduled=0.0,
                submitted=0.0,
                lag=0.0,
                admitted=0.0,
                tokens=tokens,
                finished=tokens[-1],
                output_ids=tuple(range(32)),
            )
        )
    return records


@pytest.fixture(scope="session")
def make_run() -> MakeRun:
    """Write a run directory: finished and valid unless told otherwise."""

    def make(
        path: Path,
        engine: str = "peft_hotswap",
        alpha: float | None = 1.0,
        batch: int = 4,
        repeat: int = 0,
        *,
        state: State = State.FINISHED,
        cause: str | None = None,
        reasons: tuple[str, ...] = (),
        trace: str | None = None,
        metrics: Mapping[str, float | str] | None = None,
        circumstances: Mapping[str, Any] | None = None,
        cautions: tuple[str, ...] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> Path:
        run = RunDirectory(path)
        changed = merged(configuration(engine, alpha, batch, repeat), settings or {})
        run.write_config(yaml.safe_dump(changed))
        finished = state is State.FINISHED
        validity = ("INVALID" if reasons else "VALID") if finished else None
        started = "2026-11-24T12:00:00+00:00"
        status = Status(path.name, state, started, started, cause, validity, reasons)
        run.write_status(replace(status, cautions=cautions))
        run.write_json("environment.json", merged(environment(), circumstances or {}))
        asked = f"{alpha} {batch}" + (f" {changed['workload']}" if settings else "")
        run.write_json("trace.json", {"sha256": trace or sha256(asked.encode()).hexdigest()})
        if finished:
            found = figures(engine, alpha, batch, repeat) | dict(metrics or {})
            run.write_json("metrics.json", found)
            wall = float(found["latency_per_iteration_s"])
            counts = AdapterCounts(switches=2, loads=1, hits=3, lookups=4)
            whole = Iteration(0, 0.0, 4 * wall, {"decode": 4 * wall}, counts, 2 * wall)
            run.append(whole, requests(engine, alpha, batch, wall))
        return path

    return make


@pytest.fixture(scope="session")
def make_sweep(make_run: MakeRun) -> MakeSweep:
    """Write a sweep of all combinations; `broken` says what becomes of jobs."""

    def make(
        path: Path,
        engines: tuple[str, ...] = ("peft_hotswap", "multilora"),
        alphas: tuple[float | None, ...] = (0.0, 1.0, 2.0),
        batches: tuple[int, ...] = (4, 8),
        repeats: tuple[int, ...] = (0,),
        broken: Mapping[int, Mapping[str, Any] | None] | None = None,
    ) -> Path:
        cells = [
            (engine, alpha, batch, repeat)
            for repeat in repeats
            for engine in engines
            for batch in batches
            for alpha in alphas
        ]
        jobs = []
        for number, cell in enumerate(cells):
            fate = (broken or {}).get(number, {})
            if fate is not None:
                make_run(path / str(number), *cell, **fate)
            names = ("engine", "workload.alpha", "workload.batch_size", "repeat")
            overrides = [f"{k}={v}" for k, v in zip(names, cell, strict=True) if v is not None]
            jobs.append({"path": str(number), "id": f"id{number}", "overrides": overrides})
        command = f"python -m pipeline -m engine={','.join(engines)}"
        sweep = {"id": "s", "command": command, "started": "2026-11-24T12:00:00+00:00"}
        write_json(path / "sweep.json", sweep | {"jobs": jobs})
        return path

    return make


def unlike_kinds() -> Iterator[tuple[str, dict[str, Any]]]:
    """Engines and settings of single runs that somebody made over some weeks."""
    for precision in ("fp32", "int8", "int4", "bf16", "q8_0", "q4_0"):
        yield "multilora", {"engine": {"precision": precision}}
    for engine in SPEED:
        yield engine, {}
        for batch in (1, 2, 8, 16):
            yield engine, {"workload": {"batch_size": batch}}
    for engine in ("multilora", "peft_hotswap"):
        for rate in (1.0, 5.0, 20.0):
            arrivals = {"name": "poisson", "rate": rate}
            yield engine, {"workload": {"rate": rate, "arrivals": arrivals, "batch_size": None}}
        for law in ("uniform", "identical", "distinct", "slora_power"):
            popularity = {"name": law, "alpha": None}
            yield engine, {"workload": {"popularity": popularity, "alpha": None}}
        for name in ("sized", "shared_prefix"):
            yield engine, {"workload": {"prompts": {"name": name}}}
    for megabytes in (8, 16, 64, 128, 256, 512):
        yield "multilora", {"engine": {"adapter_memory_mb": megabytes}}
    for threads in (1, 4, 8, 16):
        yield "multilora", {"threads": threads}
    for adapter in ("tiny", "/data/models/<script>alert(1)</script>/[red]"):
        yield "merged", {"model": {"name": "folder", "path": adapter}}
    yield "noop", {"workload": {"max_new_tokens": 128}}


@pytest.fixture(scope="session")
def unlike(tmp_path_factory: pytest.TempPathFactory, make_run: MakeRun) -> Path:
    """57 runs that have little in common, as a folder `runs/` has them; only to be read."""
    folder = tmp_path_factory.mktemp("unlike") / "runs"
    for number, (engine, settings) in enumerate(unlike_kinds()):
        fate: dict[str, Any] = {}
        if number % 19 == 5:
            fate = {"state": State.FAILED, "cause": f"RuntimeError: cause {number}"}
        if number % 19 == 11:
            fate = {"reasons": ("dispatch lag p99 80 ms",)}
        make_run(folder / f"2026-11-{number:02d}", engine, settings=settings, **fate)
    return folder


@pytest.fixture
def sweep(tmp_path: Path, make_sweep: MakeSweep) -> Path:
    """Twelve jobs: job 1 FAILED, job 8 INVALID, job 10 never ran."""
    return broken_sweep(tmp_path / "sweep", make_sweep)


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory, make_sweep: MakeSweep) -> Path:
    """The page of such a sweep; made once, so only to be read."""
    return write(assemble([broken_sweep(tmp_path_factory.mktemp("report") / "sweep", make_sweep)]))


def broken_sweep(path: Path, make_sweep: MakeSweep) -> Path:
    """Twelve jobs, of which three can't be compared."""
    return make_sweep(
        path,
        broken={
            1: {"state": State.FAILED, "cause": "RuntimeError: <script>alert(1)</script> [red]"},
            8: {"reasons": ("dispatch lag p99 80 ms", "2 requests failed")},
            10: None,
        },
    )


@pytest.fixture
def spoken(tmp_path: Path, make_run: MakeRun) -> Path:
    """Three runs that kept what was asked and answered; two of them answered alike."""
    for engine in ("merged", "multilora", "llama_cpp"):
        run = RunDirectory(make_run(tmp_path / engine, engine))
        rows = (run.path / "requests.jsonl").read_text().splitlines()
        said = "Ahoy <b>matey</b> \\u001b[31m" if engine != "llama_cpp" else "Aye"
        texts = [row.replace('"text": null', f'"text": "{said}"') for row in rows]
        (run.path / "requests.jsonl").write_text("\n".join([*texts, ""]))
        asked = [
            {
                "id": row.id,
                "iteration": row.iteration,
                "adapter": row.adapter,
                "prompt": f"Who <i>are</i> you, {row.id}?",
                "prompt_ids": [1] * row.prompt_tokens,
                "max_new_tokens": len(row.output_ids),
            }
            for row in run.requests()
        ]
        run.trace.write_text("".join(f"{json.dumps(each)}\n" for each in asked))
    return tmp_path


@pytest.fixture
def console() -> Console:
    """A console that keeps what it prints; wide enough for all columns."""
    return Console(width=260, record=True, file=StringIO())
