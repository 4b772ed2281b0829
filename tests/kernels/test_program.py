"""A program: the same list natively in one call, and operation by operation."""

import ctypes
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.kernels import program as operations
from pipeline.kernels.abi import ABI
from pipeline.kernels.bindings import bound
from pipeline.kernels.formats import FORMATS, NUMBER_FORMATS
from pipeline.kernels.interpreter import InterpretedProgram
from pipeline.kernels.kv_pool import KvPool
from pipeline.kernels.layout import Matrix
from pipeline.kernels.native import NativeKernels
from pipeline.kernels.native_program import NativeProgram
from pipeline.kernels.operands import HeadNorms, Heads, Turn
from pipeline.kernels.packed_adapter import LoraPart
from pipeline.kernels.program import Buffer, Program
from pipeline.kernels.reference import ReferenceKernels
from pipeline.kernels.token_batch import Segment, TokenBatch
from tests.kernels.adapters import pack_adapter

NATIVE, REFERENCE = NativeKernels(2), ReferenceKernels()
HEADS, HIDDEN, MOST = Heads(4, 2, 8), 40, 6
refused = pytest.raises(ValueError)


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.manual_seed(seed)) / 4


def matrix(rows, columns, format, seed):
    weights = random(rows, columns, seed=seed)
    return Matrix(format, rows, columns, NATIVE.pack([weights], rows, columns, format))


def program(precision="fp32"):
    """Every kind of operation once or more."""
    format, ones = FORMATS[precision], torch.ones(HIDDEN)
    norms = HeadNorms(1 + random(8), 1 + random(8, seed=1), 1e-6)
    return Program(
        buffers={
            "stream": Buffer(HIDDEN),
            "normed": Buffer(HIDDEN, format),
            "qkv": Buffer(64),
            "attended": Buffer(32, format),
            "delta": Buffer(64),
            "gated": Buffer(24, format),
            "last": Buffer(64, of_outputs=True),
            "last_gated": Buffer(20, format, of_outputs=True),
            "result": Buffer(128, of_outputs=True),
        },
        operations=[
            operations.Norm("stream", None, ones, 1e-5, "normed"),
            operations.Linear("normed", matrix(64, HIDDEN, format, 2), "qkv"),
            operations.AddLora("normed", 0, "qkv"),
            operations.Scale("qkv", 32, 0.5),
            operations.RotateAndStore("qkv", 0, HEADS, norms, Turn(0, 4)),
            operations.Attend("qkv", 0, HEADS, 3, "attended"),
            operations.Linear("attended", matrix(48, 32, format, 3), "delta"),
            operations.Norm("stream", "delta", ones, 1e-5, "normed"),
            operations.Gate("delta", "gated"),
            operations.TakeOutputs("delta", "last"),
            operations.Gate("last", "last_gated"),
            operations.Linear("last_gated", matrix(70, 20, format, 4), "result"),
            operations.Cap("result", 70, 2.0),
        ],
        given="stream",
        result="result",
        columns=70,
    )


def variants(precision="fp32"):
    """Operations of which `program` has another kind."""
    format = FORMATS[precision]
    return Program(
        buffers={
            "stream": Buffer(HIDDEN),
            "input": Buffer(HIDDEN, format),
            "qkv": Buffer(64),
            "attended": Buffer(32, format),
            "delta": Buffer(64),
            "gated": Buffer(20, format),
            "result": Buffer(64),
            "last": Buffer(64, of_outputs=True),
        },
        operations=[
            operations.Norm("stream", None, None, 0.0, "input"),
            operations.Linear("input", matrix(64, HIDDEN, format, 2), "qkv"),
            operations.NormColumns("qkv", 0, 1 + random(32), 1e-5),
            operations.NormColumns("qkv", 32, 1 + random(16, seed=1), 1e-5),
            operations.Clip("qkv", 50, 0.3),
            operations.Centre("qkv", 45),
            operations.RotateAndStore("qkv", 0, HEADS, None, Turn(1, 3)),
            operations.Attend("qkv", 0, HEADS, None, "attended", 0.7, 2.0),
            operations.Linear("attended", matrix(HIDDEN, 32, format, 3), "delta"),
            operations.Norm("stream", "delta", None, 0.0, "input"),
            operations.Gate("input", "gated", "gelu_tanh"),
            operations.Linear("gated", matrix(64, 20, format, 4), "result"),
            operations.TakeOutputs("result", "last"),
        ],
        given="stream",
        result="last",
        columns=64,
    )


def adapter(inputs=HIDDEN):
    parts = [LoraPart(3, random(5, inputs, seed=5), random(50, 5, seed=6))]
    return pack_adapter([parts], NUMBER_FORMATS["fp16"])


def ints(values):
    return torch.tensor([*values], dtype=torch.int32)


def step(kernels, tokens, packed=None, **changes):
    """Tokens of two sequences, the first of which has an adapter; every other is an output."""
    first = tokens // 2
    batch = TokenBatch(
        tokens=ints(range(tokens)),
        positions=ints([*range(first), *range(tokens - first)]),
        sequences=ints([0] * first + [1] * (tokens - first)),
        block_table=ints([1, 0]).view(2, 1),
        segments=[Segment(packed or adapter(), 0, first), Segment(None, first, tokens)],
        outputs=ints(range(0, tokens, 2)),
    )
    pool = KvPool.of(2, 1, 2, 8, NUMBER_FORMATS["fp32"])
    angles = random(16, 4, seed=7)
    return kernels.begin(replace(batch, **changes), angles.cos(), angles.sin(), pool)


@pytest.mark.parametrize("made", [program, variants])
@pytest.mark.parametrize("precision", [*FORMATS])
def test_one_call_is_the_operations_one_by_one(precision, made):
    whole = made(precision)
    native, stepwise = NATIVE.prepare(whole, MOST), InterpretedProgram(whole, NATIVE)
    for tokens in (MOST, 1, 0, 3, MOST + 5, 2):
        given = random(tokens, HIDDEN, seed=tokens)
        results = [each.run(step(NATIVE, tokens), given) for each in (native, stepwise)]
        wanted = REFERENCE.prepare(whole, MOST).run(step(REFERENCE, tokens), given)
        torch.testing.assert_close(*results, atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(results[0], wanted, atol=3e-3, rtol=3e-3)
        assert results[0].shape == (-(-tokens // 2), whole.columns) and results[0].any() == (
            tokens > 0
        )


def test_a_watched_program_computes_the_same_and_tells_of_each_operation():
    whole, given = program("int8"), random(MOST, HIDDEN)
    plain, watched = (NATIVE.prepare(whole, MOST) for _ in range(2))
    times = watched.watch()
    assert torch.equal(*(each.run(step(NATIVE, MOST), given) for each in (plain, watched)))
    once = [*times]
    assert [each.operation for each in once] == [*whole.operations]
    assert all(0 < each.worked_s <= times.threads * each.wall_s for each in once)
    watched.run(step(NATIVE, MOST), given)
    assert all(now.wall_s > then.wall_s for now, then in zip(times, once, strict=True))
    times.restart()
    assert not any(each.wall_s or each.worked_s for each in times)
    assert REFERENCE.prepare(whole, MOST).watch() is None


def changed(whole, number, **fields):
    """The program with another operation in a place."""
    steps = [*whole.operations]
    steps[number] = replace(steps[number], **fields)
    return replace(whole, operations=steps)


NORM, LINEAR, LORA, SCALE, ROTATE, ATTEND = range(6)
GATE, TAKE = 8, 9


@pytest.mark.parametrize(
    ("number", "fields"),
    [
        (NORM, {"weight": torch.ones(HIDDEN - 1)}),
        (NORM, {"weight": torch.ones(HIDDEN).double()}),
        (NORM, {"added": "attended"}),
        (NORM, {"added": "last"}),
        (LINEAR, {"out": "stream"}),
        (LINEAR, {"out": "result"}),
        (LINEAR, {"x": "attended"}),
        (LINEAR, {"matrix": matrix(64, HIDDEN, FORMATS["int8"], 0)}),
        (LORA, {"site": 1}),
        (LORA, {"site": -1}),
        (LORA, {"x": "attended"}),
        (SCALE, {"columns": 65}),
        (SCALE, {"columns": -1}),
        (ROTATE, {"layer": 1}),
        (ROTATE, {"x": "stream"}),
        (ROTATE, {"x": "result"}),
        (ROTATE, {"heads": Heads(4, 2, 6)}),
        (ATTEND, {"out": "normed"}),
        (ATTEND, {"window": -1}),
        (GATE, {"x": "gated"}),
        (TAKE, {"x": "stream"}),
        (TAKE, {"out": "qkv"}),
    ],
)
def test_operations_that_dont_fit_are_refused_before_any_is_done(number, fields):
    with refused:
        broken = NATIVE.prepare(changed(program(), number, **fields), MOST)
        there, given = step(NATIVE, MOST), random(MOST, HIDDEN)
        try:
            broken.run(there, given)
        finally:
            assert not there.pool.keys.any()


@pytest.mark.parametrize(
    ("number", "fields"),
    [
        (2, {"first": 33}),
        (2, {"first": -1}),
        (4, {"columns": 65}),
        (4, {"limit": -0.3}),
        (4, {"limit": float("nan")}),
        (5, {"columns": 65}),
        (5, {"columns": 0}),
        (6, {"turn": Turn(2, 3)}),
        (6, {"turn": Turn(0, 5)}),
        (10, {"out": "attended"}),
    ],
)
def test_variants_that_dont_fit(number, fields):
    with refused:
        NATIVE.prepare(changed(variants(), number, **fields), MOST).run(
            step(NATIVE, MOST), random(MOST, HIDDEN)
        )


@pytest.mark.parametrize(
    "changes",
    [
        {"outputs": ints([0, MOST])},
        {"outputs": ints([-1])},
        {"segments": [Segment(adapter(HIDDEN + 1), 0, 1)]},
        {"segments": [Segment(adapter(), 0, MOST + 1)]},
    ],
)
def test_a_step_that_doesnt_fit(changes):
    with refused:
        NATIVE.prepare(program(), MOST).run(step(NATIVE, MOST, **changes), random(MOST, HIDDEN))


def test_more_rows_are_given_than_there_are_tokens():
    with refused:
        NATIVE.prepare(program(), MOST).run(step(NATIVE, MOST), random(MOST - 1, HIDDEN))
    with refused:
        NATIVE.prepare(program(), MOST).run(step(NATIVE, MOST + 1), random(MOST, HIDDEN))


def test_too_many_buffers():
    whole = program()
    more = {f"more{number}": Buffer(1) for number in range(ABI.constants["MAX_BUFFERS"])}
    with refused:
        NATIVE.prepare(replace(whole, buffers=whole.buffers | more), MOST)


def test_random_numbers_in_place_of_an_operation_reach_no_loop():
    """Addresses stay: whether they are right no size can tell."""
    draw = np.random.default_rng(0)
    there, whole = step(NATIVE, MOST), NativeProgram(program(), MOST, NATIVE._threads)
    _, table = whole._kept
    names = ["kind", "x", "added", "out", "place", "rows", "columns", "window"]
    names += ["first", "activation"]
    for _ in range(2000):
        operation = table[int(draw.integers(len(table)))]
        kept = bytes(operation)
        for name in draw.choice(names, 3):
            setattr(operation, name, int(draw.integers(-(2**31), 2**31) >> draw.integers(20, 31)))
        with suppress(ValueError):
            bound().kernel_step(
                *(NATIVE._pool, ctypes.byref(whole._native), ctypes.byref(there.native)),
                *(there.segments, len(there.segments)),
            )
        ctypes.memmove(ctypes.addressof(operation), kept, len(kept))
