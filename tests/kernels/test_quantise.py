"""What the laws of quantisation promise, whoever packs."""

import pytest
import torch
from gguf import GGMLQuantizationType
from gguf.quants import dequantize, quantize
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels import layout
from pipeline.kernels.formats import FORMATS
from pipeline.kernels.layout import Matrix
from pipeline.kernels.native import NativeKernels
from pipeline.kernels.reference import ReferenceKernels

INT4 = FORMATS["int4"]
NATIVE, REFERENCE = NativeKernels(1), ReferenceKernels()
PACKERS = pytest.mark.parametrize("kernels", [NATIVE, REFERENCE], ids=["native", "reference"])
several = settings(max_examples=25, deadline=None)


def packed(kernels, weights):
    rows, columns = weights.shape
    return Matrix(INT4, rows, columns, kernels.pack([weights], rows, columns, INT4))


@PACKERS
def test_int4_errs_far_less_than_q4_0_in_hardly_more_bytes(kernels):
    weights = torch.randn(64, 512, generator=torch.manual_seed(0))
    stored = quantize(weights.numpy(), GGMLQuantizationType.Q4_0)
    theirs = torch.from_numpy(dequantize(stored, GGMLQuantizationType.Q4_0))
    ours = packed(kernels, weights)
    errors = [(each - weights).square().sum() for each in (layout.unpack(ours), theirs)]
    assert errors[0] < 0.68 * errors[1]
    assert ours.bytes < 1.02 * stored.nbytes


@PACKERS
@pytest.mark.parametrize("name", ["Q8_0", "Q4_0", "Q5_0"])
def test_weights_out_of_a_gguf_file_keep_their_scales_beside_8_bit_activations(name, kernels):
    """These types have one scale for 32 columns, as that format has."""
    weights = torch.randn(70, 512, generator=torch.manual_seed(0))
    weights[3], weights[4] = 0, weights[4] * 1e-3
    kind, format = GGMLQuantizationType[name], FORMATS["int8_a8"]
    weights = torch.from_numpy(dequantize(quantize(weights.numpy(), kind), kind))
    data = kernels.pack([weights], 70, 512, format)
    assert torch.equal(layout.unpack(Matrix(format, 70, 512, data)), weights)


@PACKERS
@pytest.mark.parametrize("level", [7, 8])
def test_weights_of_four_bits_keep_their_integers_in_int4(level, kernels):
    """As q4_0 has them, whose scale may be negative: of it alone some is lost, to 8 bits."""
    generator = torch.manual_seed(level)
    levels = torch.randint(-level, 8, (70, 8, 32), generator=generator)
    levels[..., 5] = -level
    scales = torch.randn(70, 8, 1, generator=generator).half().float()
    found = layout.unpack(packed(kernels, (levels * scales).reshape(70, 256))).reshape(levels.shape)
    share = scales.abs().amax(1, keepdim=True) / 127
    assert ((found - levels * scales).abs() <= levels.abs() * share * 0.502).all()
    large = (scales.abs() > 20 * share).expand(levels.shape)
    assert torch.equal((found / scales).round()[large], levels.float()[large])


@PACKERS
@pytest.mark.parametrize("level", [7, 15])
def test_weights_rounded_by_their_importance_keep_their_scales_in_int8(level, kernels):
    levels = torch.randint(-level, level + 1, (70, 16, 32), generator=torch.manual_seed(level))
    levels[..., 5] = -level
    scales = torch.rand(70, 16, 1, generator=torch.manual_seed(0)).half().float()
    weights = (levels * scales).reshape(70, 512)
    format = FORMATS["int8_a8"]
    data = kernels.pack([weights], 70, 512, format)
    assert torch.equal(layout.unpack(Matrix(format, 70, 512, data)), weights)


@PACKERS
def test_weights_far_from_zero_or_all_alike_are_kept(kernels):
    weights = torch.stack(
        [
            torch.full([70], 0.5),
            torch.cat([torch.full([32], -3.0), torch.full([38], 1e-3)]),
            torch.arange(1000.0, 1070.0),
        ]
    )
    found = layout.unpack(packed(kernels, weights))
    torch.testing.assert_close(found, weights, atol=0.02, rtol=0.02)


@PACKERS
def test_an_offset_per_group_beside_a_scale_reaches_every_level(kernels):
    """Sixteen equally spaced weights a group, however they lie about zero, lose next to nothing."""
    levels = torch.arange(512).remainder(16).float().reshape(1, 16, 32)
    weights = (0.1 * (levels - torch.linspace(3, 12, 16)[None, :, None])).reshape(1, 512)
    assert (layout.unpack(packed(kernels, weights)) - weights).abs().max() < 0.005


@several
@given(st.sampled_from([*FORMATS.values()]), st.integers(1, 200), st.integers(1, 700), st.data())
def test_looked_up_rows_are_those_of_the_whole(format, rows, columns, data):
    weights = torch.randn(rows, columns, generator=torch.manual_seed(rows))
    matrix = Matrix(format, rows, columns, NATIVE.pack([weights], rows, columns, format))
    wanted = torch.tensor(data.draw(st.lists(st.integers(0, rows - 1), max_size=5))).int()
    whole = layout.unpack(matrix)
    for kernels in (NATIVE, REFERENCE):
        assert torch.equal(kernels.look_up(matrix, wanted), whole[wanted])


@PACKERS
@pytest.mark.parametrize("row", [-1, 3, 64])
def test_a_row_that_is_not_there_is_refused(kernels, row):
    matrix = packed(kernels, torch.zeros(3, 70))
    with pytest.raises(ValueError, match="a row beyond the matrix"):
        kernels.look_up(matrix, torch.tensor([0, row]).int())
