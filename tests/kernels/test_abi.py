"""One header says what C++ and Python agree on; a library that was made from another is refused."""

import ctypes

import pytest

from pipeline.kernels import layout
from pipeline.kernels.abi import HEADER, Abi, AbiError
from pipeline.kernels.bindings import bound
from pipeline.kernels.formats import FORMATS
from pipeline.kernels.native import NativeKernels

TEXT = HEADER.read_text("utf-8")
SAMPLE = """
constexpr int MANY = 3;  // of them
struct Pair {
    int first;
    const float *left, *right;  // both
    int64_t rest[MANY];
};
struct Numbers { int a, b; };
constexpr Numbers ONE = {1, 0};
constexpr Numbers TWO = {2, 9};
constexpr Numbers ALL[] = {ONE, TWO};
extern "C" {
Fault fill(
    Pool* pool, const Pair* pair, float by);
const char* name();
void done(Pool* pool);
}
"""


def test_a_header_as_python_reads_it():
    abi = Abi(SAMPLE)
    assert abi.constants == {"MANY": 3}
    assert abi.values == {"ONE": {"a": 1, "b": 0}, "TWO": {"a": 2, "b": 9}}
    assert abi.lists == {"ALL": ("ONE", "TWO")}
    assert [name for name, _ in abi.structures["Pair"]._fields_] == [
        "first",
        "left",
        "right",
        "rest",
    ]
    assert ctypes.sizeof(abi.structures["Pair"]) == 3 * 8 + 3 * 8
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    assert abi.functions == {
        "fill": (text, (pointer, pointer, ctypes.c_float)),
        "name": (text, ()),
        "done": (None, (pointer,)),
    }


@pytest.mark.parametrize(
    ("line", "other", "named"),
    [
        ("PANEL = 64", "PANEL = 32", "PANEL is 64 there and 32 in abi.h"),
        ("INT8 = {8, 16, 64", "INT8 = {8, 16, 32", "INT8.group is 64 there and 32"),
        ("int64_t queries, keys", "int64_t keys, queries", "offsetof(HeadShape, keys) is 8 there"),
        ("ranks, parts;", "ranks;", "offsetof(LoraSite, parts) is 12 there and None"),
    ],
)
def test_a_library_of_another_header_is_one_clear_error(line, other, named):
    assert line in TEXT
    with pytest.raises(AbiError) as refused:
        Abi(TEXT.replace(line, other)).check(bound())
    assert named in str(refused.value)
    assert "delete that file" in str(refused.value)


def test_a_library_that_says_nothing_is_no_library_of_ours():
    with pytest.raises(AbiError, match="no library of these kernels"):
        Abi(TEXT).check(ctypes.CDLL(None))


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("columns", [1, 63, 64, 500, 512, 513, 2048])
def test_both_languages_count_the_same_bytes(form, columns):
    size, kernels = layout.panels(70) * layout.panel_bytes(columns, form), NativeKernels(1)
    rows, out = (ctypes.c_float * (70 * columns))(), (ctypes.c_uint8 * size)()
    pack = bound().kernel_pack
    pack(kernels._pool, form.number, rows, 70, columns, out, size)
    with pytest.raises(ValueError, match="without room"):
        pack(kernels._pool, form.number, rows, 70, columns, out, size - 1)
