"""Where the time of a step goes: `make bench-steps`.

A model of random weights at a named architecture, eight adapters, the engine itself. For decode
steps, and for the prefill before them, prints one line for each kind of operation:

    ms a step, share of the step, GB/s, GMAC/s, its bound in ms, bound ÷ time, share of the
    threads' time in which they waited

An operation's bound is the larger of two times: that of its bytes at the bandwidth that was
measured just before, and that of its products at this instruction set's peak for numbers of their
width, which is 16 bits for int8 weights that meet 16-bit activations. What has no bound touches
only what was made just before, which is in a cache. What others took of the processors stands
beside each step, and makes threads wait for one another.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from time import perf_counter
from typing import get_args

from pipeline.adapters.synthetic import SyntheticAdapters
from pipeline.engines.multilora.engine import Multilora
from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.engines.multilora.step_profile import TimeShare, Work, rows
from pipeline.engines.settings import Serving
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams
from pipeline.kernels.formats import NUMBER_FORMATS, NumberDtype, Precision
from pipeline.kernels.native_pool import NativePool
from pipeline.kernels.peaks import BITS, bytes_per_s, products_per_s
from pipeline.kernels.step_times import OperationTime, StepTimes
from pipeline.machine.contention import Meter
from pipeline.machine.cores import cores
from pipeline.models.synthetic import ARCHITECTURES, SyntheticModel
from pipeline.places import ASSETS, ROOT
from pipeline.process.arguments import Arguments, count

ADAPTERS = 8
PROMPT = 512
"""Tokens of a prefill step, of all requests together; each has 64 at most."""
STEPS, ROUNDS = 16, 4
"""Decode steps, and of how many parts the mean is taken: the quickest counts."""
HEAD = " " * 24 + "      ms  share   GB/s  GMAC/s    bound  of it   idle"
READ = 512 << 20
"""Bytes in which the bandwidth is measured."""


@dataclass(frozen=True)
class MachineLimits:
    """What it can do, for bounds."""

    read_bytes_per_s: float
    products_per_s: dict[int, float]

    def __str__(self) -> str:
        products = (
            f"{each / 1e9:.0f} of {bits} bits" for bits, each in self.products_per_s.items()
        )
        return f"{self.read_bytes_per_s / 1e9:.1f} GB/s; GMAC/s: {', '.join(products)}"


@dataclass(frozen=True)
class MeanStep:
    """What a step took, the mean of some.

    Attributes:
        times: of its operations.
        forward_s: from its plan to its logits.
        sample_s: from these to tokens.
        step_s: all of it.
        lost_s: of its threads and processors, while others had them.
    """

    times: list[OperationTime]
    forward_s: float
    sample_s: float
    step_s: float
    lost_s: float


@dataclass
class Bench:
    """An engine that is watched, and what it is measured against."""

    engine: Multilora
    times: StepTimes
    pool: NativePool
    adapter_numbers: int
    adapter_bytes: float
    """Of one of them; all are alike."""

    def measure(self, requests: int, title: str) -> Iterator[str]:
        """The lines of a prefill step, and those of decode steps."""
        prompt, machine = min(64, PROMPT // requests), self._machine()
        yield f"limits: {machine}"
        self._ask(requests, prompt)
        for kind, rounds, steps in (("prefill", 1, 1), ("decode", ROUNDS, STEPS // ROUNDS)):
            quietest = min(
                (self._steps(steps) for _ in range(rounds)), key=lambda each: each.step_s
            )
            work = self._work(kind, requests, prompt)
            found = rows(quietest.times, work, machine.read_bytes_per_s, machine.products_per_s)
            what = f"{title}, {kind}, {requests} requests"
            yield from lines(what, found, quietest, work, self.times.threads)

    def warm_up(self) -> None:
        """Memory that is used for the first time is given by the system page by page."""
        self._ask(1, 64)
        while self.engine.busy:
            self.engine.step()

    def _ask(self, requests: int, prompt: int) -> None:
        sampling = SamplingParams(max_new_tokens=STEPS + 1, ignore_eos=True)
        adapters = sorted(self.engine.serving.adapters)
        for number in range(requests):
            ids = tuple((31 * number + 7 * place) % 997 + 3 for place in range(prompt))
            adapter = adapters[number % len(adapters)]
            self.engine.submit(Request(number, adapter, None, ids, sampling))

    def _machine(self) -> MachineLimits:
        products = {bits: products_per_s(self.pool, bits) for bits in BITS}
        return MachineLimits(bytes_per_s(self.pool, READ), products)

    def _steps(self, steps: int) -> MeanStep:
        self.times.restart()
        self.engine.clock.restart()
        others, began = Meter(), perf_counter()
        for _ in range(steps):
            self.engine.step()
        whole = perf_counter() - began
        lost, stages = others.read(), self.engine.clock.read()[1]
        return MeanStep(
            times=[each / steps for each in self.times],
            forward_s=(stages["prefill"] + stages["decode"]) / steps,
            sample_s=stages["sample"] / steps,
            step_s=whole / steps,
            lost_s=((lost.waited_s or 0.0) + (lost.stolen_s or 0.0)) / steps,
        )

    def _work(self, kind: str, requests: int, prompt: int) -> Work:
        tokens = requests * (prompt if kind == "prefill" else 1)
        context = prompt if kind == "prefill" else prompt + (STEPS + 1) / 2
        seen = (prompt + 1) / 2 if kind == "prefill" else context
        layers = self.engine.serving.checkpoint.config.layers
        adapters = min(requests, len(self.engine.serving.adapters))
        return Work(
            tokens=tokens,
            outputs=requests,
            positions=requests * context,
            pairs=tokens * seen,
            position_bytes=self.engine.kv_position_bytes / layers,
            adapter_bytes=self.adapter_bytes * adapters,
            adapter_products=float(self.adapter_numbers * tokens),
        )


def lines(
    title: str, found: Sequence[TimeShare], spent: MeanStep, work: Work, threads: int
) -> Iterator[str]:
    """A table."""
    step = spent.step_s
    natively = sum(each.wall_s for each in found)
    lost = spent.lost_s / (threads * step)
    said = f"{step * 1e3:.2f} ms, {work.tokens / step:.1f} tokens/s, {lost:.0%} lost to others"
    yield f"{title}: {said}"
    yield HEAD
    for each in found:
        idle = each.idle(threads)
        yield f"  {each.name:22} {_time(each.wall_s, step)} {_reached(each)} {idle:6.1%}"
    for name, seconds in {
        "batch, embedding, call": spent.forward_s - natively,
        "sampling": spent.sample_s,
        "planning, events": step - spent.forward_s - spent.sample_s,
    }.items():
        yield f"  {name:22} {_time(seconds, step)}"
    bound = sum(each.bound_s for each in found)
    idle = sum(each.wall_s * each.idle(threads) for each in found) / natively
    reached = f"{bound * 1e3:8.3f} {bound / step:6.2f} {idle:6.1%}"
    yield f"  {'all':22} {_time(step, step)} {'':14} {reached}"


def _time(seconds: float, step: float) -> str:
    return f"{seconds * 1e3:8.3f} {seconds / step:6.1%}"


def _reached(row: TimeShare) -> str:
    if not row.bound_s:
        return " " * 30
    read, products = row.cost.bytes / row.wall_s / 1e9, row.cost.products / row.wall_s / 1e9
    return f"{read:6.1f} {products:7.1f} {row.bound_s * 1e3:8.3f} {row.bound_s / row.wall_s:6.2f}"


@contextmanager
def bench(settings: MultiloraSettings, shape: str, cache: Path, threads: int) -> Iterator[Bench]:
    """A model of that architecture and its adapters, made the first time, and an engine of them.

    Raises:
        UsageError: there is no such architecture.
    """
    tokenizer = ASSETS / "tiny" / "base" / "tokenizer.json"
    source = SyntheticModel(name="synthetic", shape=shape, cache=cache, tokenizer=tokenizer)
    base = source.checkpoint()
    adapters = SyntheticAdapters(name="synthetic", cache=cache, count=ADAPTERS).adapters(
        base.config
    )
    numbers = sum(map(prod, adapters[0].lora.shapes.values()))
    serving = Serving(base, {each.name: each for each in adapters}, threads)
    size = NUMBER_FORMATS[settings.adapter_dtype].bits / 8
    with Multilora(settings, serving) as engine:
        times = engine.watch()
        assert times is not None
        yield Bench(engine, times, NativePool(threads), numbers, numbers * size)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the precisions named on the command line."""
    parser = Arguments(prog="python -m pipeline.engines.multilora.bench_steps")
    known = get_args(Precision)
    parser.add_argument("precisions", nargs="*", help=f"of {', '.join(known)}; else int8, int4")
    parser.add_argument("--requests", nargs="+", type=count, default=[1, 8, 32])
    parser.add_argument("--shape", choices=list(ARCHITECTURES), default="tinyllama-1.1b")
    parser.add_argument("--adapter-precision", choices=get_args(NumberDtype))
    parser.add_argument("--cache", type=Path, default=ROOT / "runs" / ".cache")
    asked = parser.parse_args(arguments)
    if unknown := sorted({*asked.precisions} - {*known}):
        parser.error(f"{unknown[0]}: no such precision; use {', '.join(known)}")
    for precision in asked.precisions or ("int8", "int4"):
        settings = MultiloraSettings(
            name="multilora",
            precision=precision,
            adapter_precision=asked.adapter_precision,
            max_batch_size=max(asked.requests),
            prefill_tokens=PROMPT,
            cache=asked.cache,
        )
        with bench(settings, asked.shape, asked.cache, cores().threads) as watched:
            watched.warm_up()
            for requests in asked.requests:
                title = f"{asked.shape}, {precision}, adapters in {settings.adapter_dtype}"
                for line in watched.measure(requests, title):
                    print(line, flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
