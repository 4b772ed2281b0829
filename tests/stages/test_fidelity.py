"""Fidelity on the embedded model: what is right passes, and every planted fault is caught."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import safetensors.torch as torch_files
from safetensors.numpy import load_file, save_file

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import CONFIG, WEIGHTS
from pipeline.gguf.layout import interleave
from pipeline.inference.engine import Engine
from pipeline.inference.teacher import Teacher
from pipeline.metrics.findings import Findings
from pipeline.metrics.floors import missed
from pipeline.metrics.timeline import Iteration, Timeline
from pipeline.models.checkpoint import Checkpoint
from pipeline.stages import reference as stage
from pipeline.stages.build import build
from pipeline.stages.fidelity import examine, judge
from pipeline.stages.prepare import Prepared
from pipeline.stages.reference import Reference, refer
from pipeline.stages.replay import Replay

SETUP = (
    "threads=1",
    "adapters.count=3",
    "workload/popularity=round_robin",
    "workload.batch_size=3",
    "workload.iterations=1",
    "workload.max_new_tokens=8",
)
FLOORS = {"min_agreement": 0.99, "max_kl": 1e-4}
MODEL = "0" * 64


@pytest.fixture(autouse=True)
def _inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make references in this process: a spawned one would import torch again for every test."""
    monkeypatch.setattr(
        stage, "_in_its_own_process", lambda recipe, path: stage._write(stage.answer(recipe), path)
    )


@dataclass
class Run:
    """A served trace and what the comparison found."""

    reference: Reference
    findings: Any


@pytest.fixture
def judged(config: Any, prepared: Any) -> Callable[..., Run]:
    """Serve a trace, perhaps with faulty adapters or a faulty engine, and compare."""

    def judge(
        *overrides: str,
        spoil: Callable[[Prepared], Prepared] = lambda good: good,
        wrap: Callable[[Engine], Engine] = lambda engine: engine,
    ) -> Run:
        settings, good = config(*SETUP, *overrides), prepared(*SETUP, *overrides)
        reference = refer(settings, good, MODEL)
        with build(settings, spoil(good)) as built:
            engine = wrap(built.engine)
            iteration, records = Replay(engine, good.trace.requests, None).run(0)
            timeline = Timeline(tuple(records), (iteration,))
            found = examine(settings, reference, engine, timeline, good.trace.requests)
            return Run(reference, found)

    return judge


def with_adapter(
    prepared: Prepared, folder: Any, name: str, change: Callable[..., Any]
) -> Prepared:
    """The same run, but for one adapter whose tensors `change` has changed."""
    good = next(each for each in prepared.adapters if each.name == name)
    path = folder / name
    path.mkdir()
    shutil.copy(good.folder / CONFIG, path)
    save_file(change(load_file(good.folder / WEIGHTS)), path / WEIGHTS)
    bad = Adapter.open(name, path, prepared.checkpoint.config)
    others = tuple(bad if each.name == name else each for each in prepared.adapters)
    return replace(prepared, adapters=others)


@pytest.mark.parametrize("engine", ["merged", "peft_hotswap", "peft_mixed"])
def test_fp32_engines_say_what_the_reference_says(judged: Any, engine: str) -> None:
    found = judged(f"engine={engine}").findings
    assert found.overall["token_agreement"] == 1
    assert 0 <= found.overall["mean_kl"] < 1e-9
    assert abs(found.overall["logprob_delta"]) < 1e-5
    assert found.overall["served_agreement"] == 1
    assert found.overall["free_running_agreement"] == 1
    assert found.overall["common_prefix_tokens"] == 8
    assert 0 <= found.overall["path_kl"] < 1e-9
    assert 0 <= found.overall["effect_error"] < 1e-4
    assert set(found.adapters) == set(found.effects) == {"csv", "html", "json"}
    assert min(found.effects.values()) > 0.1
    assert missed(found, **FLOORS) == ()


def transposed(tensors: dict[str, Any]) -> dict[str, Any]:
    """One A matrix with its leading square block transposed: the shape stays right."""
    name = next(name for name in tensors if name.endswith("lora_A.weight"))
    matrix = tensors[name].copy()
    rank = matrix.shape[0]
    matrix[:, :rank] = matrix[:, :rank].T
    return tensors | {name: matrix}


def doubled(tensors: dict[str, Any]) -> dict[str, Any]:
    """B twice as large: the adapter at twice its scale."""
    return {n: t * t.dtype.type(2) if "lora_B" in n else t for n, t in tensors.items()}


def emptied(tensors: dict[str, Any]) -> dict[str, Any]:
    """B of zeros: an adapter that loads and does nothing."""
    return {n: np.zeros_like(t) if "lora_B" in n else t for n, t in tensors.items()}


@pytest.mark.parametrize("engine", ["peft_hotswap", "merged"])
@pytest.mark.parametrize("fault", [transposed, doubled])
def test_a_planted_fault_is_caught_and_named(
    judged: Any, tmp_path: Any, engine: str, fault: Any
) -> None:
    found = judged(
        f"engine={engine}", spoil=lambda good: with_adapter(good, tmp_path, "html", fault)
    ).findings
    assert missed(found, None, None) == ()
    (reason,) = missed(found, None, FLOORS["max_kl"])
    assert reason.startswith("mean_kl misses fidelity.max_kl=0.0001: html ")
    assert "csv" not in reason
    assert found.adapters["csv"]["mean_kl"] < 1e-9 < found.adapters["html"]["mean_kl"]


def wrongly_permuted(good: Prepared, folder: Any) -> Prepared:
    """The same run on a checkpoint whose query rows are reordered once more than they should."""
    path = folder / "base"
    shutil.copytree(good.checkpoint.folder, path)
    tensors = torch_files.load_file(path / "model.safetensors")
    heads = good.checkpoint.config.heads
    changed = {
        name: interleave(tensor, heads).contiguous() if ".q_proj" in name else tensor
        for name, tensor in tensors.items()
    }
    torch_files.save_file(changed, path / "model.safetensors", {"format": "pt"})
    return replace(good, checkpoint=Checkpoint.open(path))


def test_a_gguf_that_is_right_passes_and_a_wrongly_permuted_one_is_caught(
    judged: Any, tmp_path: Any
) -> None:
    llama = ("engine=llama_cpp", "engine.precision=f32")
    assert missed(judged(*llama).findings, **FLOORS) == ()
    found = judged(*llama, spoil=lambda good: wrongly_permuted(good, tmp_path)).findings
    assert any(reason.startswith("mean_kl misses") for reason in missed(found, **FLOORS))
    assert found.overall["token_agreement"] < 0.9


def test_an_adapter_without_effect_is_invalid_whatever_the_floors(
    judged: Any, tmp_path: Any
) -> None:
    found = judged(spoil=lambda good: with_adapter(good, tmp_path, "json", emptied)).findings
    (reason,) = missed(found, None, None)
    assert reason.startswith("adapter json has no effect")


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
def test_quantised_bases_are_near_but_not_the_same(judged: Any, quantization: str) -> None:
    found = judged("engine=peft_hotswap", f"model.quantization={quantization}").findings
    assert 1e-6 < found.overall["mean_kl"] < 0.5
    assert found.overall["token_agreement"] > 0.7
    assert missed(found, None, None) == ()


class Scoreless:
    """An engine that serves but gives no log-probabilities, as a remote one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def score(self, *_: Any) -> None:
        return None

    def teach(self, _: Any) -> bool:
        return False


def test_an_engine_that_cannot_score_is_judged_by_its_own_outputs(judged: Any) -> None:
    found = judged(wrap=Scoreless).findings
    assert "token_agreement" not in found.overall
    assert found.overall["free_running_agreement"] == 1
    assert found.overall["served_agreement"] == 1
    assert "can't be led along given tokens" in found.notes[0]
    for name in ("mean_kl", "path_kl", "effect_error"):
        assert found.metrics(["csv", "html", "json"])[name] == "not measured"
    assert missed(found, 0.99, None) == ()
    (reason,) = missed(found, None, 0.1)
    assert "not measured, so fidelity.max_kl=0.1 is not kept" in reason


class Broken(Scoreless):
    """An engine whose logits are no numbers but for the greatest."""

    def teach(self, teacher: Teacher | None) -> bool:
        if teacher is None:
            return self._engine.teach(None)
        broken = np.full(2048, np.nan, np.float32)
        return self._engine.teach(
            replace(teacher, see=lambda id_, place, _: teacher.see(id_, place, broken))
        )


def test_scores_that_are_no_numbers_make_a_run_invalid(judged: Any) -> None:
    found = judged(wrap=Broken).findings
    assert "infinite or not a number" in missed(found, None, None)[0]
    assert found.metrics([])["token_agreement"] == "not measured"


def test_sampled_outputs_are_judged_teacher_forced_alone(judged: Any) -> None:
    found = judged("sampling.do_sample=true", "sampling.temperature=2").findings
    assert found.overall["token_agreement"] == 1
    assert "free_running_agreement" not in found.overall
    assert "served_agreement" not in found.overall
    assert "outputs are drawn" in found.notes[0]
    names = ["csv", "html", "json"]
    assert found.metrics(names)["free_running_agreement"] == "not measured"


@pytest.mark.parametrize("override", ["sampling.repetition_penalty=9", "sampling.stop=[e,a,o]"])
def test_outputs_that_are_shaped_or_cut_are_judged_teacher_forced_alone(
    judged: Any, override: str
) -> None:
    """The reference knows nothing of penalties and stop strings, and the lesson takes no notice."""
    found = judged(override).findings
    assert found.overall["token_agreement"] == 1 and not found.faults
    assert "served_agreement" not in found.overall
    assert "outputs are penalised, or end by more" in found.notes[0]


def test_every_adapter_has_its_figures_among_the_metrics(judged: Any) -> None:
    names = ["csv", "html", "json"]
    found = judged().findings.metrics(names)
    for name in names:
        assert found[f"adapters/{name}/token_agreement"] == 1
        assert f"adapters/{name}/worst_kl" not in found


def test_off_means_not_measured(config: Any, prepared: Any) -> None:
    settings = config(*SETUP, "fidelity.enabled=false")
    reference = refer(settings, prepared(*SETUP), MODEL)
    timeline = Timeline((), (Iteration(0, 0.0, 1.0, {}, None, 0.0),))  # type: ignore[arg-type]
    found = examine(settings, reference, None, timeline, ())  # type: ignore[arg-type]
    assert found.notes == ("fidelity.enabled=false",)
    assert set(found.metrics([]).values()) == {"not measured"}


WRONG = {"served_agreement": 0.1, "token_agreement": 0.1, "mean_kl": 5.0}


def test_a_plainly_wrong_run_is_invalid_unless_its_weights_are_random(config: Any) -> None:
    found = Findings(overall=WRONG, adapters={"csv": WRONG})
    reasons, doubts = judge(config(), found)
    assert (len(reasons), doubts) == (2, ())
    assert judge(config("model=synthetic", "adapters=synthetic"), found) == ((), reasons)
    stated = ("fidelity.min_agreement=0.05", "fidelity.max_kl=6")
    assert judge(config(*stated), found) == ((), ())
    stated = ("model=synthetic", "adapters=synthetic", "fidelity.min_agreement=0.5")
    assert len(judge(config(*stated), found)[0]) == 2
    assert judge(config("engine=noop"), Findings()) == ((), ())
    lost = Findings(notes=("the reference could not be made: OSError",))
    assert judge(config(), lost)[1] == (f"nothing says how faithful it was: {lost.notes[0]}",)
    assert judge(config("fidelity.enabled=false"), lost) == ((), ())


@pytest.mark.parametrize("weights", [(), ("model=synthetic", "adapters=synthetic")])
def test_what_rounding_does_not_explain_is_invalid_on_any_weights(
    config: Any, weights: tuple[str, ...]
) -> None:
    right = {"served_agreement": 1.0, "mean_kl": 0.0, "path_kl": 0.004}
    found = Findings(overall=right, adapters={"csv": right | {"path_kl": 0.0}, None: right})
    assert judge(config(*weights, "arm=llama_cpp_q4_0"), found) == ((), ())
    (reason,) = judge(config(*weights, "arm=multilora_int4"), found)[0]
    assert reason.startswith("path_kl misses 1e-09, the most that rounding does")
    assert reason.endswith(": base 0.004")


@pytest.mark.parametrize(
    ("override", "precision"),
    [
        (("engine=multilora",), "fp32"),
        (("engine=multilora", "engine.adapter_precision=int8"), "int8"),
        (("engine=multilora", "engine.precision=int4"), "int4"),
        (("engine=peft_hotswap", "model.quantization=nf4"), "nf4"),
        (("engine=llama_cpp", "engine.precision=q8_0"), "q8_0"),
    ],
)
def test_the_coarser_of_base_and_adapters_decides(
    config: Any, override: tuple[str, ...], precision: str
) -> None:
    assert config(*override).precision == precision
