"""What the adapters said, in a terminal."""

from pathlib import Path

from rich.console import Console

from pipeline.compare.comparison import assemble
from pipeline.compare.report.heard import print_samples


def test_every_different_answer_has_a_line_and_names_who_gave_it(
    spoken: Path, console: Console
) -> None:
    print_samples(assemble([spoken]), console)
    lines = [" ".join(line.split()) for line in console.export_text().splitlines()]
    answer = r"Ahoy <b>matey</b> \x1b[31m"
    assert lines[0] == "adapter asked answered by"
    assert f"json Who <i>are</i> you, 0? {answer} merged, multilora" in lines
    first = lines.index("haiku Who <i>are</i> you, 1? Aye llama_cpp")
    assert lines[first + 1] == f"{answer} merged"


def test_runs_without_texts_print_nothing(sweep: Path, console: Console) -> None:
    print_samples(assemble([sweep]), console)
    assert console.export_text() == ""
