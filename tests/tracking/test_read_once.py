"""Rows that are read once."""

from collections.abc import Callable

from pipeline.tracking.read_once import ReadOnce
from pipeline.tracking.run_directory import RunDirectory

MakeRun = Callable[..., RunDirectory]


def test_rows_stay_as_they_were_at_the_first_look(make_run: MakeRun) -> None:
    run = make_run()
    looked = ReadOnce(run.path)
    assert looked.requests() == run.requests()
    (run.path / "requests.jsonl").unlink()
    assert (len(looked.requests()), len(looked.measured())) == (4, 4)
    assert (run.requests(), ReadOnce(run.path).requests()) == ((), ())
