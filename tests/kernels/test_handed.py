"""What the native kernels are handed: what doesn't fit is an error in Python, no crash."""

import ctypes
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.kernels.abi import ABI
from pipeline.kernels.bindings import bound
from pipeline.kernels.formats import FORMATS, NUMBER_FORMATS
from pipeline.kernels.kv_pool import KvPool
from pipeline.kernels.layout import Matrix
from pipeline.kernels.lora_layout import SOURCE, AdapterLayout, LoraShape
from pipeline.kernels.native import NativeKernels
from pipeline.kernels.operands import HeadNorms, Heads, Turn
from pipeline.kernels.packed_adapter import LoraPart
from pipeline.kernels.token_batch import Segment, TokenBatch
from tests.kernels.adapters import pack_adapter

KERNELS = NativeKernels(1)
HEADS = Heads(4, 2, 8)
WHOLE = Turn(0, 4)
TOKENS, WIDTH = 3, 128
refused = pytest.raises(ValueError)


def ints(*values):
    return torch.tensor(values, dtype=torch.int32)


def matrix(rows=70, columns=32, precision="fp32"):
    data = KERNELS.pack([torch.zeros(rows, columns)], rows, columns, FORMATS[precision])
    return Matrix(FORMATS[precision], rows, columns, data)


def activations(columns=32, precision="fp32", tokens=TOKENS):
    return KERNELS.activations(tokens, columns, FORMATS[precision])


def batch(**changes):
    places = ints(*range(TOKENS))
    whole = TokenBatch(places, places, ints(0, 0, 0), ints(0).view(1, 1), [], places)
    return replace(whole, **changes)


def step(pool=None, angles=4, **changes):
    pool = pool or KvPool.of(1, 2, 2, 8, NUMBER_FORMATS["fp32"])
    turns = torch.zeros(TOKENS, angles)
    return KERNELS.begin(batch(**changes), turns, turns, pool)


def adapter(inputs=32, outputs=64, rank=5, dtype="fp16"):
    parts = [LoraPart(0, torch.zeros(rank, inputs), torch.zeros(outputs, rank))]
    return pack_adapter([parts], NUMBER_FORMATS[dtype])


@pytest.mark.parametrize("precision", ["fp32", "int8", "int4"])
def test_what_fits_is_computed(precision):
    out = torch.ones(TOKENS, WIDTH)
    KERNELS.linear(activations(precision=precision), matrix(precision=precision), out)
    assert not out.any()
    there = step()
    qkv, attended = torch.zeros(TOKENS, 64), activations(32)
    norms = HeadNorms(torch.ones(8), torch.ones(8), 1e-6)
    KERNELS.rotate_and_store(qkv, there, 1, HEADS, norms, WHOLE)
    KERNELS.attend(qkv, there, 1, HEADS, None, attended)


WRONG_TENSORS = {
    "type": lambda data: data.to(torch.int32),
    "shape": lambda data: data[:1],
    "strides": lambda data: torch.stack([data, data], -1)[..., 0],
    "place": lambda data: data.to("meta"),
}


@pytest.mark.parametrize("wrong", WRONG_TENSORS)
def test_a_matrix_is_held_against_its_rows_and_columns(wrong):
    whole = matrix()
    with refused:
        replace(whole, data=WRONG_TENSORS[wrong](whole.data))
    with refused:
        replace(whole, bias=WRONG_TENSORS[wrong](torch.zeros(128))[:100])
    with refused:
        replace(whole, columns=65)
    with refused:
        replace(whole, rows=129)


@pytest.mark.parametrize("wrong", ["type", "shape", "strides", "place"])
def test_norms_of_heads_are_held_against_each_other(wrong):
    weight = torch.ones(8)
    with refused:
        HeadNorms(weight, WRONG_TENSORS[wrong](weight), 1e-6)


@pytest.mark.parametrize(
    "piece", [torch.zeros(70, 33), torch.zeros(70, 32).double(), torch.zeros(32, 70).T]
)
def test_weights_to_pack(piece):
    with refused:
        KERNELS.pack([piece], 70, 32, FORMATS["fp32"])


def test_more_weights_than_there_is_room_for():
    with pytest.raises(ValueError, match="without room"):
        KERNELS.pack([torch.zeros(129, 32)], 128, 32, FORMATS["int4"])
    with pytest.raises(ValueError, match="without room"):
        KERNELS.pack([torch.zeros(64, 32)] * 3, 128, 32, FORMATS["int8"])


@pytest.mark.parametrize(
    ("x", "out"),
    [
        *((activations(33), (TOKENS, WIDTH)), (activations(precision="int8"), (TOKENS, WIDTH))),
        *((activations(), (TOKENS, 70)), (activations(), (TOKENS - 1, WIDTH))),
    ],
)
def test_a_product_of_what_doesnt_fit(x, out):
    with refused:
        KERNELS.linear(x, matrix(), torch.zeros(out))


def test_norms_and_gates_of_another_width():
    out, weight = activations(), torch.ones(32)
    for residual, delta, by in (
        *((torch.zeros(TOKENS, 31), None, weight), (torch.zeros(TOKENS, 32), None, weight[:31])),
        (torch.zeros(TOKENS, 32), torch.zeros(TOKENS, 31), weight),
        (torch.zeros(TOKENS, 32), torch.zeros(TOKENS - 1, 32), weight),
    ):
        with refused:
            KERNELS.norm(residual, delta, by, 1e-6, out)
    for gate_up in (torch.zeros(TOKENS, 63), torch.zeros(TOKENS - 1, 64)):
        with refused:
            KERNELS.gate(gate_up, out)


@pytest.mark.parametrize(
    "changes",
    [
        *({"positions": ints(0, 1, 16)}, {"positions": ints(0, 1, -1)}),
        *({"sequences": ints(0, 0, 1)}, {"sequences": ints(-1, 0, 0)}),
        *({"block_table": ints(1).view(1, 1)}, {"block_table": ints(-1).view(1, 1)}),
        {"positions": torch.arange(TOKENS)},
        {"block_table": torch.zeros(1, 1)},
    ],
)
def test_places_beyond_the_pool(changes):
    with refused:
        step(**changes)


@pytest.mark.parametrize(
    ("layer", "heads", "width"),
    [
        *((2, HEADS, 64), (-1, HEADS, 64), (0, HEADS, 63)),
        *((0, Heads(8, 4, 8), 128), (0, Heads(4, 3, 8), 128), (0, Heads(4, 0, 8), 128)),
        *((0, Heads(4, 2, 16), 128), (0, Heads(4, 2, 7), 64), (0, Heads(-4, 2, 8), 64)),
    ],
)
def test_heads_that_the_pool_wasnt_made_for(layer, heads, width):
    qkv, there = torch.zeros(TOKENS, width), step(angles=heads.width // 2)
    with refused:
        KERNELS.rotate_and_store(qkv, there, layer, heads, None, Turn(0, heads.width // 2))
    with refused:
        KERNELS.attend(
            qkv, there, layer, heads, None, activations(max(0, heads.queries * heads.width))
        )


@pytest.mark.parametrize(
    ("angles", "turn"),
    [(3, WHOLE), (4, Turn(1, 4)), (4, Turn(-1, 2)), (4, Turn(0, -1)), (9, Turn(0, 5))],
)
def test_angles_for_other_heads(angles, turn):
    with refused:
        KERNELS.rotate_and_store(torch.zeros(TOKENS, 64), step(angles=angles), 0, HEADS, None, turn)


def test_attention_into_another_output_or_with_norms_of_another_width():
    qkv, there = torch.zeros(TOKENS, 64), step()
    for out in (activations(31), activations(33), activations(tokens=TOKENS - 1)):
        with refused:
            KERNELS.attend(qkv, there, 0, HEADS, None, out)
    with refused:
        norms = HeadNorms(torch.ones(7), torch.ones(7), 1e-6)
        KERNELS.rotate_and_store(qkv, there, 0, HEADS, norms, WHOLE)


@pytest.mark.parametrize("dtype", ["fp32", "fp16", "int8"])
def test_adapters_for_another_model(dtype):
    def add(inputs, outputs, site=0, stop=TOKENS, width=64):
        segments = [Segment(adapter(inputs, outputs, dtype=dtype), 0, stop)]
        out = torch.zeros(TOKENS, width)
        KERNELS.add_lora(activations(), step(segments=segments), site, out)

    add(32, 64)
    for case in ((31, 64), (32, 65), (32, 64, 1), (32, 64, -1), (32, 64, 0, TOKENS + 1)):
        with refused:
            add(*case)


def test_factors_out_of_their_place():
    parts = [LoraPart(0, torch.zeros(5, 32), torch.zeros(64, 5), torch.ones(2, 64))]
    packed = pack_adapter([parts], NUMBER_FORMATS["fp16"])
    there, out = step(segments=[Segment(packed, 0, TOKENS)]), torch.zeros(TOKENS, 64)
    KERNELS.add_lora(activations(), there, 0, out)
    for change in (4, -4, packed.data.numel(), 1 << 40):
        packed.sites["part"]["affine"][0, 0] += change
        with refused:
            KERNELS.add_lora(activations(), there, 0, out)
        packed.sites["part"]["affine"][0, 0] -= change


def layout_of(dtype):
    return AdapterLayout.of([[LoraShape(0, 5, 32, 64)]], NUMBER_FORMATS[dtype])


TENSOR = (0, 0, 0, 5, 32, 16, 0, 1.0)
"""Source, place, first row, rows, columns, rows of its matrix, type, factor."""


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("source", -1), ("to", -1), ("to", 10**6), ("first", -1), ("first", 12), ("rows", -1)),
        *(("rows", 17), ("columns", -1), ("columns", 2**31 - 1), ("padded", 2**31 - 1)),
        *(("padded", 15), ("type", 4), ("type", -1), ("to", 2**62)),
    ],
)
def test_a_table_that_leads_out_of_the_adapter(field, value, tmp_path):
    table = np.array([TENSOR], SOURCE)
    layout = layout_of("fp16")
    (tmp_path / "file").write_bytes(bytes(4 * 5 * 32))
    with (tmp_path / "file").open("rb") as file:
        KERNELS.read_adapter(file.fileno(), table, layout)
        table[field] = value
        with refused:
            KERNELS.read_adapter(file.fileno(), table, layout)


def test_a_file_that_ends_too_early(tmp_path):
    table = np.array([TENSOR], SOURCE)
    table["source"] = 1 << 60
    (tmp_path / "file").write_bytes(b"")
    with (tmp_path / "file").open("rb") as file, pytest.raises(EOFError, match="cut short"):
        KERNELS.read_adapter(file.fileno(), table, layout_of("fp32"))


def test_the_interface_itself_takes_no_null():
    library = bound()
    for name, arguments in (
        *(("kernel_linear", (None,) * 4 + (1, 1, None, 0)), ("kernel_pack_input", (None, None))),
        *(("kernel_pack", (None, 0, None, 1, 1, None, 0)), ("forward_fault", (None,))),
        ("kernel_gate", (None, None, 1, 1, 0, None)),
        ("kernel_norm", (None, None, 0, None, 0, 0, None, 0, 0.0, None)),
        ("kernel_rotate_and_store", (None, None, 1, 1, None, 0, None, None, None)),
        ("kernel_attend", (None, None, 1, 1, None, 0, None, 0, 0.0, 0.0, None)),
        ("kernel_add_lora", (None, None, None, 1, 0, None, 1, 1)),
        ("adapter_read", (0, None, 1, 1, None, 8)),
        ("kernel_step", (None, None, None, None, 0)),
    ):
        with pytest.raises(ValueError, match=name):
            getattr(library, name)(*arguments)


def test_random_numbers_in_place_of_sizes_reach_no_loop():
    random = np.random.default_rng(0)
    values, packed = torch.zeros(4, 32), torch.zeros(4096, dtype=torch.uint8)
    for _ in range(2000):
        bits, *sizes = random.integers(-(2**63), 2**63 - 1, 4) >> random.integers(40, 64, 4)
        one = ABI.structures["Input"](
            *(int(random.choice([0, 1, 2, bits % 2**31])), values.data_ptr(), packed.data_ptr()),
            *(*map(int, sizes[:2]), values.numel(), packed.numel()),
        )
        small = min(sizes[:2]) >= 0 and sizes[0] * sizes[1] <= values.numel()
        if not small:
            with refused:
                bound().kernel_pack_input(KERNELS._pool, ctypes.addressof(one))


def test_structures_are_as_large_as_the_compilers():
    assert ctypes.sizeof(ABI.structures["Input"]) == struct.calcsize("@i4xPPqqqq")
