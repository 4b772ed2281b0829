"""Where a step's time goes: bounds of known work, and the tables of a small engine."""

import pytest

from pipeline.engines.multilora.bench_steps import Bench, main
from pipeline.engines.multilora.engine import Multilora
from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.engines.multilora.step_profile import Cost, TimeShare, Work, cost, name_of, rows
from pipeline.engines.settings import Serving
from pipeline.kernels import program as operations
from pipeline.kernels.formats import FORMATS
from pipeline.kernels.kernels import Kernels
from pipeline.kernels.layout import Matrix
from pipeline.kernels.native_pool import NativePool
from pipeline.kernels.operands import Heads, Turn
from pipeline.kernels.reference import ReferenceKernels
from pipeline.kernels.step_times import OperationTime

WORK = Work(
    tokens=6,
    outputs=2,
    positions=40,
    pairs=100,
    position_bytes=64,
    adapter_bytes=600,
    adapter_products=1800,
)
HEADS = Heads(4, 2, 8)


def matrix(rows, columns, kernels: Kernels, format="int8"):
    import torch

    data = kernels.pack([torch.ones(rows, columns)], rows, columns, FORMATS[format])
    return Matrix(FORMATS[format], rows, columns, data)


def test_costs_are_those_of_the_work():
    first = matrix(64, 32, ReferenceKernels())
    linear = operations.Linear("normed", first, "qkv")
    assert cost(linear, WORK, 1) == Cost(first.bytes, 64 * 32 * 6, 16)
    head = operations.Linear("last_normed", first, "logits")
    assert cost(head, WORK, 1).products == 64 * 32 * 2
    assert cost(operations.AddLora("normed", 0, "qkv"), WORK, 3) == Cost(200, 600)
    attend = operations.Attend("qkv", 0, HEADS, None, "attended")
    assert cost(attend, WORK, 1) == Cost(64 * 40, 2 * 100 * 32)
    assert cost(operations.RotateAndStore("qkv", 0, HEADS, None, Turn(0, 4)), WORK, 1) == Cost()


def test_a_bound_is_the_later_of_reading_and_multiplying():
    products = {8: 100.0, 16: 50.0, 32: 25.0}
    assert Cost(30, 100, 16).bound_s(10.0, products) == 3.0
    assert Cost(30, 200, 16).bound_s(10.0, products) == 4.0


def test_rows_add_up_what_is_of_one_kind():
    first = matrix(64, 32, ReferenceKernels())
    steps = [
        operations.Norm("residual", None, None, 1e-5, "normed"),
        operations.Linear("normed", first, "qkv"),
        operations.Linear("attended", first, "delta"),
        operations.Norm("residual", "delta", None, 1e-5, "normed"),
        operations.Linear("gated", first, "delta"),
    ]
    times = [OperationTime(each, 2.0, 3.0) / 2 for each in steps]
    found = rows(times, WORK, 1e3, dict.fromkeys((8, 16, 32), 1e3))
    assert [each.name for each in found] == ["norms", "q, k, v", "o", "down"]
    assert found[0].wall_s == 2.0 and found[0].idle(2) == 0.25 and not found[0].bound_s
    assert found[1].bound_s == 64 * 32 * 6 / 1e3
    assert TimeShare("none").idle(2) == 1.0


def test_operations_have_names():
    assert name_of(operations.Scale("logits", 5, 2.0)) == "between"
    assert name_of(operations.Linear("exact", matrix(64, 32, ReferenceKernels()), "scores")) == (
        "matrices of experts"
    )


def test_the_tables_of_a_small_engine(tiny, tiny_adapters, monkeypatch):
    monkeypatch.setattr("pipeline.kernels.peaks.TRIES", 1)
    monkeypatch.setattr("pipeline.engines.multilora.bench_steps.READ", 1 << 20)
    settings = MultiloraSettings(name="multilora", precision="int8", prefill_tokens=512)
    with Multilora(settings, Serving(tiny, tiny_adapters, 2)) as engine:
        times = engine.watch()
        bench = Bench(engine, times, NativePool(2), 1000, 2000.0)
        said = [*bench.measure(3, "tiny")]
        assert engine.busy is False
    titles = [each for each in said if "requests" in each and "tokens/s" in each]
    assert [each.split(", ")[1] for each in titles] == ["prefill", "decode"]
    for name in ("q, k, v", "adapters", "attention", "norms", "output layer", "sampling", "all"):
        assert sum(each.strip().startswith(name) for each in said) == 2, name


@pytest.mark.parametrize("wrong", [["int2"], ["--requests", "0"], ["--shape", "llama-9"]])
def test_a_wrong_command_line_is_a_line(wrong, capsys):
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == 2 and capsys.readouterr().err.count("\n") == 1
