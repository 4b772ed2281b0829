"""A run's rows are exactly its trace, or it is told where they aren't."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.metrics.integrity import Asked, strays
from pipeline.metrics.timeline import RequestRecord

ASKED = tuple(Asked(i, i // 2, "ab"[i % 2], 5 + i, 2) for i in range(6))


def row(asked, **changed):
    stamps, ids = (1.5, 2.0), (7, 8)
    record = RequestRecord(
        asked.id, asked.iteration, asked.adapter, asked.prompt_tokens, 1.0, 1.0, 0.0, 1.0, stamps,
        2.0, ids,
    )  # fmt: skip
    return replace(record, **changed)


ROWS = tuple(map(row, ASKED))


@given(st.permutations(ROWS))
def test_every_request_once_in_any_order_is_the_trace(rows):
    assert strays(ASKED, rows, eos=False) == ()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (ROWS[:4], "2 requests of the trace have no row, first: request 4"),
        ((), "6 requests of the trace have no row, first: request 0"),
        ((*ROWS, *ROWS[1:]), "5 requests have more than one row, first: request 1"),
        (
            (*ROWS, replace(ROWS[0], id=9)),
            "1 rows are of no request of the trace, first: request",
        ),
        *(
            ((*ROWS[:3], replace(ROWS[3], **changed), *ROWS[4:]), f"{said}, first: request 3")
            for changed, said in (
                ({"adapter": "a"}, "1 rows are of another batch, adapter or prompt than was asked"),
                ({"iteration": 0}, "1 rows are of another batch, adapter or prompt than was asked"),
                ({"prompt_tokens": 1}, "1 rows are of another batch, adapter or prompt than was"),
                ({"output_ids": (7,)}, "1 outputs don't have the tokens asked for"),
                ({"tokens": (1.5,)}, "1 outputs don't have the tokens asked for"),
                ({"output_ids": (7, 8, 9)}, "1 outputs don't have the tokens asked for"),
            )
        ),
    ],
)
def test_whatever_is_not_the_trace_is_said_with_the_first_request(rows, said):
    (line,) = strays(ASKED, rows, eos=False)
    assert line.startswith(said.removesuffix(", first: request 3")) and "first: request" in line


def test_what_failed_needs_no_tokens_and_an_early_end_may_be_allowed():
    failed = replace(ROWS[0], output_ids=(), tokens=(), error="it failed")
    assert strays(ASKED, (failed, *ROWS[1:]), eos=False) == ()
    early = replace(ROWS[0], output_ids=(7,), tokens=(1.5,))
    assert strays(ASKED, (early, *ROWS[1:]), eos=True) == ()
    assert strays(ASKED, (early, *ROWS[1:]), eos=False)


def test_a_line_of_the_trace_is_read_for_what_it_asks():
    line = {"id": 3, "iteration": 1, "adapter": "b", "prompt_ids": [1] * 8, "max_new_tokens": 2}
    assert Asked.from_json(line | {"prompt": "text", "scheduled_s": 0.0}) == ASKED[3]
