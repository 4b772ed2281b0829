"""One sentence, true of whatever was found."""

from pathlib import Path

import pytest

from pipeline.compare.comparison import Comparison
from pipeline.compare.lead import lead
from pipeline.compare.run import Run


def comparison(*values: tuple[float, ...]) -> Comparison:
    """The baseline `base` makes 10 tokens a second; each of the others a tuple over repeats."""
    arms = {"base": (10.0,) * len(values[0])} | {f"arm{n}": own for n, own in enumerate(values)}
    runs = tuple(
        Run(
            Path(f"{arm}/{repeat}"),
            "FINISHED",
            {"repeat": repeat},
            validity="VALID",
            metrics={"output_tokens_per_s": value},
            trace="t",
            arm=arm,
        )
        for arm, own in arms.items()
        for repeat, value in enumerate(own)
    )
    return Comparison(runs, "base", Path("report.html"))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (((21.0, 20.0, 22.0), (5.0, 5.0, 5.0)), "arm0 made 2.10 × the output tokens per second"),
        (((21.0, 20.0, 22.0),), "3 pairs of runs)"),
        (((20.0,),), "one pair of runs, so no interval"),
        (((4.0, 4.1, 3.9), (5.0, 5.1, 5.2)), "Nothing made more output tokens per second than"),
        (((9.0, 10.0, 11.5),), "can't be told from it"),
    ],
)
def test_the_sentence(values: tuple[tuple[float, ...], ...], words: str) -> None:
    assert words in lead(comparison(*values)).replace("\u00a0", " ")
