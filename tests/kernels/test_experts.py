"""A mixture of experts as operations: natively in one call, one by one, and in plain PyTorch."""

import ctypes
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.kernels import program as operations
from pipeline.kernels.bindings import bound
from pipeline.kernels.formats import FORMATS, NUMBER_FORMATS
from pipeline.kernels.interpreter import InterpretedProgram
from pipeline.kernels.kv_pool import KvPool
from pipeline.kernels.layout import Matrix
from pipeline.kernels.native import NativeKernels
from pipeline.kernels.native_program import NativeProgram
from pipeline.kernels.operands import Routing
from pipeline.kernels.program import Buffer, Program
from pipeline.kernels.reference import ReferenceKernels
from pipeline.kernels.token_batch import TokenBatch

NATIVE, REFERENCE = NativeKernels(2), ReferenceKernels()
HIDDEN, WIDTH, EXPERTS, MOST = 72, 40, 5, 9
ROUTINGS = (Routing(EXPERTS, 2, True), Routing(EXPERTS, 3, False), Routing(EXPERTS, 5, True))
refused = pytest.raises(ValueError)


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.manual_seed(seed)) / 4


def matrix(rows, columns, format, seed, count=1):
    """Of so many experts, each filled up to whole panels."""
    weights = random(count, rows, columns, seed=seed)
    whole = torch.nn.functional.pad(weights, (0, 0, 0, -rows % 64 if count > 1 else 0))
    rows = whole.shape[0] * whole.shape[1]
    whole = whole.view(rows, columns)
    return Matrix(format, rows, columns, NATIVE.pack([whole], rows, columns, format))


def mixture(precision, routing=ROUTINGS[0], shared=True):
    """One block of experts, with a shared one or without."""
    format, ones, used = FORMATS[precision], torch.ones(HIDDEN), routing.used
    scored = matrix(EXPERTS + shared, HIDDEN, FORMATS["fp32"], 1)
    by = {"routes": "routes", "routing": routing}
    return Program(
        buffers={
            "stream": Buffer(HIDDEN),
            "exact": Buffer(HIDDEN, FORMATS["fp32"]),
            "normed": Buffer(HIDDEN, format),
            "scores": Buffer(64),
            "routes": Buffer(routing.columns),
            "sent": Buffer(HIDDEN, format, times=used),
            "gate_up": Buffer(128, times=used),
            "gated": Buffer(WIDTH, format, times=used),
            "made": Buffer(128, times=used),
            "delta": Buffer(128),
            "result": Buffer(128),
            "last": Buffer(128, of_outputs=True),
        },
        operations=[
            operations.Norm("stream", None, ones, 1e-5, "exact"),
            operations.Norm("stream", None, ones, 1e-5, "normed"),
            operations.Linear("exact", scored, "scores"),
            operations.Linear("normed", matrix(HIDDEN, HIDDEN, format, 2), "delta"),
            operations.Route("scores", routing, "routes"),
            operations.Dispatch("normed", out="sent", **by),
            operations.ExpertLinear(
                "sent", matrix=matrix(2 * WIDTH, HIDDEN, format, 3, EXPERTS), out="gate_up", **by
            ),
            operations.Gate("gate_up", "gated"),
            operations.ExpertLinear(
                "gated", matrix=matrix(HIDDEN, WIDTH, format, 4, EXPERTS), out="made", **by
            ),
            operations.Combine("made", added="delta" if shared else None, out="result", **by),
            operations.TakeOutputs("result", "last"),
        ],
        given="stream",
        result="last",
        columns=HIDDEN,
    )


def step(kernels, tokens):
    """All of them outputs; nobody attends."""
    places = torch.arange(tokens, dtype=torch.int32)
    table = torch.zeros(1, 8, dtype=torch.int32)
    batch = TokenBatch(places, places, torch.zeros_like(places), table, [], places)
    angles = random(128, 4, seed=7)
    pool = KvPool.of(1, 1, 2, 8, NUMBER_FORMATS["fp32"])
    return kernels.begin(batch, angles.cos(), angles.sin(), pool)


@pytest.mark.parametrize("routing", ROUTINGS, ids=str)
@pytest.mark.parametrize("precision", [*FORMATS])
def test_one_call_is_the_operations_one_by_one(precision, routing):
    for shared in (True, False):
        whole = mixture(precision, routing, shared)
        native, stepwise = NATIVE.prepare(whole, MOST), InterpretedProgram(whole, NATIVE)
        for tokens in (MOST, 1, 0, MOST + 60):
            given = random(tokens, HIDDEN, seed=tokens)
            results = [each.run(step(NATIVE, tokens), given) for each in (native, stepwise)]
            wanted = REFERENCE.prepare(whole, MOST).run(step(REFERENCE, tokens), given)
            assert torch.equal(*results)
            torch.testing.assert_close(results[0], wanted, atol=3e-3, rtol=3e-3)
            assert results[0].any() == (tokens > 0)


@pytest.mark.parametrize("precision", [*FORMATS])
def test_a_token_is_the_same_alone_and_in_company(precision):
    native, given = NATIVE.prepare(mixture(precision), 100), random(100, HIDDEN)
    company = native.run(step(NATIVE, 100), given).clone()
    for token in (0, 41, 99):
        alone = native.run(step(NATIVE, 1), given[token : token + 1])
        assert torch.equal(alone[0], company[token])


def test_routes_are_a_softmax_of_the_best_in_the_order_of_experts():
    scores = torch.tensor([[0.0, 2.0, 1.0, 2.0, -9.0, 3.0], [5.0, 0.0, 0.0, 0.0, 6.0, -3.0]])
    for kernels in (NATIVE, REFERENCE):
        for normalised in (True, False):
            routing = Routing(EXPERTS, 2, normalised)
            routes = torch.zeros(2, routing.columns)
            kernels.route(scores, routing, routes)
            assert routes[:, 2:4].tolist() == [[1, 3], [4, 0]]
            assert routes[:, 4:6].tolist() == [[1, 2], [3, 0]]
            weights = scores[:, :EXPERTS].softmax(1).gather(1, routes[:, 2:4].long())
            if normalised:
                weights /= weights.sum(1, keepdim=True)
            torch.testing.assert_close(routes[:, :2], weights)
            torch.testing.assert_close(routes[:, 6], scores[:, 5].sigmoid())


def test_rows_that_are_no_numbers_go_to_experts_nevertheless():
    routing = Routing(EXPERTS, 2, True)
    routes = torch.zeros(3, routing.columns)
    scores = torch.full((3, EXPERTS), torch.nan)
    scores[1] = torch.arange(EXPERTS).float()
    NATIVE.route(scores, routing, routes)
    assert routes[:, 2:4].tolist() == [[0, 1], [4, 3], [0, 1]]
    assert sorted(routes[:, 4:6].flatten().tolist()) == [*range(6)]


ROUTE, DISPATCH, UP, DOWN, COMBINE = 4, 5, 6, 8, 9


@pytest.mark.parametrize(
    ("number", "fields"),
    [
        (ROUTE, {"routing": Routing(65, 2, True)}),
        (ROUTE, {"routing": Routing(EXPERTS, 6, True)}),
        (ROUTE, {"routing": Routing(EXPERTS, 0, True)}),
        (ROUTE, {"routing": Routing(2000, 2, True)}),
        (ROUTE, {"routing": Routing(EXPERTS, 3, True)}),
        (DISPATCH, {"routing": Routing(EXPERTS, 1, True)}),
        (DISPATCH, {"out": "gated"}),
        (DISPATCH, {"x": "sent"}),
        (DISPATCH, {"out": "normed"}),
        (UP, {"routing": Routing(4, 2, True)}),
        (UP, {"x": "normed"}),
        (UP, {"x": "gated"}),
        (UP, {"out": "delta"}),
        (UP, {"matrix": matrix(2 * WIDTH, HIDDEN, FORMATS["int4"], 3, EXPERTS)}),
        (COMBINE, {"x": "gated"}),
        (COMBINE, {"x": "delta"}),
        (COMBINE, {"added": "scores"}),
        (COMBINE, {"out": "made"}),
        (COMBINE, {"routes": "sent"}),
    ],
)
def test_what_doesnt_fit_is_refused_before_anything_is_done(number, fields):
    whole = mixture("fp32")
    steps = [*whole.operations]
    steps[number] = replace(steps[number], **fields)
    with refused:
        NATIVE.prepare(replace(whole, operations=steps), MOST).run(
            step(NATIVE, MOST), random(MOST, HIDDEN)
        )


def test_random_numbers_in_place_of_an_operation_reach_no_loop():
    """Nor do routes that are none."""
    draw = np.random.default_rng(0)
    there, whole = step(NATIVE, MOST), NativeProgram(mixture("int8"), MOST, NATIVE._threads)
    _, table = whole._kept
    names = ("kind", "x", "added", "routes", "out", "rows", "columns")
    for _ in range(2000):
        operation = table[int(draw.integers(len(table)))]
        kept = bytes(operation)
        for name in draw.choice(names, 3):
            setattr(operation, name, int(draw.integers(-(2**31), 2**31) >> draw.integers(20, 31)))
        for name in draw.choice(("experts", "used"), 1):
            setattr(operation.routing, name, int(draw.integers(-3, 9)))
        with suppress(ValueError):
            bound().kernel_step(
                *(NATIVE._pool, ctypes.byref(whole._native), ctypes.byref(there.native)),
                *(there.segments, len(there.segments)),
            )
        ctypes.memmove(ctypes.addressof(operation), kept, len(kept))
