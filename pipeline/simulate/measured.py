"""What a run of `engine=multilora` says of its engine, and what it was asked."""

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.source import AdapterSource
from pipeline.compare.circumstances import circumstances
from pipeline.compare.machines import Machine
from pipeline.compare.run import Run, read_run
from pipeline.config.load import built
from pipeline.config.renamed import current
from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.errors import UsageError
from pipeline.kernels.formats import NUMBER_FORMATS
from pipeline.metrics.engine_steps import EngineStep, engine_steps
from pipeline.metrics.timeline import RequestRecord
from pipeline.models.source import ModelSource
from pipeline.simulate.demand import Demand, of_rows
from pipeline.simulate.replica_settings import ReplicaSettings
from pipeline.tracking.run_directory import RunDirectory

COMPUTED = ("precision", "activations", "adapter_precision", "kv_precision", "kernels")
"""Settings of the engine that decide how long a step takes."""

RECORDED = ("threads", "isa", "flags", "model")
"""Circumstances that decide it, too."""


@dataclass(frozen=True)
class MeasuredRun:
    """A run that counts.

    Attributes:
        directory: its files; those of its adapters need not be there any more.
        settings: its engine's.
    """

    directory: RunDirectory
    settings: MultiloraSettings

    @classmethod
    def open(cls, folder: Path) -> "MeasuredRun":
        """The run in a folder.

        Raises:
            UsageError: it is no finished and valid run of multilora, or one in which requests
                failed or were preempted, or found a part of their prompts computed.
        """
        directory = RunDirectory(folder)
        if not directory.has("status.json"):
            raise UsageError(f"{folder}: no run here (looked for status.json)")
        _check(read_run(folder))
        run = cls(directory, _multilora(directory))
        if any(record.error for record in run.records):
            raise UsageError(f"{folder}: requests failed; what they cost can't be told")
        if any(each.kv and each.kv.preemptions for each in run.directory.iterations()):
            raise UsageError(f"{folder}: requests were preempted; raise engine.kv_tokens")
        if any(each.kv and each.kv.cached_tokens for each in run.directory.iterations()):
            raise UsageError(
                f"{folder}: prompts were found computed in part, so nothing says what reading one "
                "takes; measure with engine.prefix_cache=false"
            )
        return run

    @cached_property
    def adapters(self) -> tuple[Adapter, ...]:
        """In the order of their popularity, known by their shapes."""
        values = current(self.directory.config())
        model, adapters = built(values["model"]), built(values["adapters"])
        assert isinstance(model, ModelSource) and isinstance(adapters, AdapterSource)
        return adapters.preview(model.preview().config)

    @cached_property
    def ranks(self) -> dict[str, int]:
        """Of the adapters, by name."""
        return {each.name: int(each.lora.config["r"]) for each in self.adapters}

    @cached_property
    def records(self) -> tuple[RequestRecord, ...]:
        """Of every request, in the order in which they came."""
        return tuple(sorted(self.directory.requests(), key=lambda each: each.scheduled))

    @cached_property
    def circumstances(self) -> dict[str, Hashable]:
        """What decides how long its steps take, by name."""
        run = read_run(self.directory.path)
        recorded = circumstances(run)
        return {
            "machine": Machine.of(run),
            **{name: recorded.get(name) for name in RECORDED},
            **{f"engine.{name}": getattr(self.settings, name) for name in COMPUTED},
        }

    def steps(self) -> tuple[EngineStep, ...]:
        """Of the engine, iteration by iteration."""
        numbers = sorted({each.iteration for each in self.records})
        return tuple(
            step
            for number in numbers
            for step in engine_steps(
                [each for each in self.records if each.iteration == number], self.ranks
            )
        )

    def loads(self) -> tuple[int, float]:
        """How many adapters were loaded, and seconds that it took in all."""
        counts = [each.adapters for each in self.directory.iterations() if each.adapters]
        return sum(each.loads for each in counts), sum(each.load_s for each in counts)

    def demand(self) -> Demand:
        """What was asked, when it was due.

        Raises:
            UsageError: requests were made without an adapter.
        """
        places = {name: place for place, name in enumerate(self.ranks)}
        if any(each.adapter is None for each in self.records):
            raise UsageError(f"{self.directory.path}: asks for the base model; only adapters count")
        start = self.records[0].scheduled if self.records else 0.0
        return of_rows(
            [
                {
                    "arrives": each.scheduled - start,
                    "adapter": places[each.adapter or ""],
                    "prompt": each.prompt_tokens,
                    "output": len(each.output_ids),
                }
                for each in self.records
            ]
        )

    def replica(self) -> ReplicaSettings:
        """What the engine was allowed."""
        return ReplicaSettings(
            max_batch_size=self.settings.max_batch_size,
            prefill_tokens=self.settings.prefill_tokens,
            adapter_ranks=self._room(),
        )

    def _room(self) -> int | None:
        """Ranks that fit in memory, each as large as they are on average; None where all do.

        The largest adapter always does: the engine would have refused it.
        """
        ranks = self.ranks.values()
        bits = NUMBER_FORMATS[self.settings.adapter_dtype].bits
        numbers = sum(prod(shape) for each in self.adapters for shape in each.lora.shapes.values())
        all_bytes, room = numbers * bits / 8, self.settings.adapter_bytes
        if room is None or room >= all_bytes:
            return None
        return max(*ranks, int(room / all_bytes * sum(ranks)))


def _check(run: Run) -> None:
    """What a comparison would leave out says nothing of an engine here, either."""
    if not run.counts:
        why = f" ({run.why})" if run.why else ""
        raise UsageError(
            f"{run.path}: is {run.verdict}{why}; give a run that is FINISHED and VALID"
        )


def _multilora(directory: RunDirectory) -> MultiloraSettings:
    settings = built(current(directory.config())["engine"])
    if not isinstance(settings, MultiloraSettings):
        name = getattr(settings, "name", "?")
        raise UsageError(f"{directory.path}: engine={name}; give a run of engine=multilora")
    return settings
