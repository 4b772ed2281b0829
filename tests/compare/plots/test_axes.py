"""Axes and the intervals drawn on them."""

import pytest
from matplotlib.axes import Axes

from pipeline.compare.plots.axes import decades, logarithmic, shares, whisker
from pipeline.compare.plots.style import panel


@pytest.fixture
def axes() -> Axes:
    _, axes = panel(2.0)
    axes.set_xlim(0, 10)
    axes.set_ylim(0, 1)
    return axes


def drawn(axes: Axes) -> list[tuple[list[float], list[float], str]]:
    return [
        ([*map(float, line.get_xdata())], [*map(float, line.get_ydata())], str(line.get_marker()))
        for line in axes.lines
    ]


def test_an_interval_within_its_axis_is_a_line_from_end_to_end(axes: Axes) -> None:
    whisker(axes, (2.0, 7.0), 0.5, "red", upright=False)
    assert drawn(axes) == [([2.0, 7.0], [0.5, 0.5], "None")]


@pytest.mark.parametrize(
    ("ends", "heads"),
    [((-3.0, 7.0), {"<": 0.0}), ((2.0, 1e9), {">": 10.0}), ((-1.0, 11.0), {"<": 0.0, ">": 10.0})],
)
def test_one_that_goes_on_beyond_it_ends_in_an_arrowhead(
    axes: Axes, ends: tuple[float, float], heads: dict[str, float]
) -> None:
    whisker(axes, ends, 0.5, "red", upright=False)
    (line, _, _), *arrows = drawn(axes)
    assert min(line) >= 0 and max(line) <= 10
    assert {marker: at for (at,), _, marker in arrows} == heads


def test_an_upright_one_stands_on_its_place(axes: Axes) -> None:
    whisker(axes, (0.2, 4.0), 3.0, "red", upright=True)
    assert drawn(axes) == [([3.0, 3.0], [0.2, 1.0], "None"), ([3.0], [1.0], "^")]


def test_a_logarithmic_axis_holds_both_ends_and_few_round_numbers(axes: Axes) -> None:
    decades(axes, 0.02, 300.0)
    logarithmic(axes, 3.0, 40.0)
    assert axes.get_xlim() == (0.02, 300.0) and axes.get_xscale() == "log"
    assert axes.get_ylim()[0] < 3.0 and axes.get_ylim()[1] > 40.0
    assert [*axes.get_yticks()] == [5.0, 10.0, 20.0, 50.0]
    assert all(0.02 <= tick <= 300.0 for tick in axes.get_xticks())


def test_shares_go_from_nothing_to_all(axes: Axes) -> None:
    shares(axes)
    assert [text.get_text() for text in axes.get_yticklabels()] == ["0", "50\u00a0%", "100\u00a0%"]
