"""A process that ends when nobody waits for it any more, and not before."""

import subprocess
import sys
import time
from pathlib import Path

from pipeline.process.pulse import LOST_S, pulse
from tests.waiting import PATIENCE_S, until

ROOT = Path(__file__).parents[2]
CODE = (
    "import sys, time; from pathlib import Path; from pipeline.process.pulse import end_without; "
    "print('begun', flush=True); "
    "end_without(Path(sys.argv[1]), lost_s=float(sys.argv[2]), look_s=0.02); time.sleep(3600)"
)


def watching(path: Path, lost_s: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CODE, str(path), str(lost_s)]
    made = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert made.stdout and made.stdout.readline() == "begun\n"
    return made


def test_it_ends_when_the_pulse_has_stopped(tmp_path: Path) -> None:
    with pulse(tmp_path / "pulse"):
        made = watching(tmp_path / "pulse", 0.3)
    with made:
        assert made.wait(PATIENCE_S) == -9


def test_it_ends_when_the_pulse_was_never_there(tmp_path: Path) -> None:
    with watching(tmp_path / "pulse", 0.3) as made:
        assert made.wait(PATIENCE_S) == -9


def test_it_lives_as_long_as_the_pulse_beats(tmp_path: Path) -> None:
    with pulse(tmp_path / "pulse", 0.01), watching(tmp_path / "pulse", 600.0) as made:
        time.sleep(0.2)
        assert made.poll() is None
        made.kill()


def test_every_beat_changes_the_file_and_none_comes_afterwards(tmp_path: Path) -> None:
    path, seen = tmp_path / "pulse", {""}
    with pulse(path, 0.01):
        until(lambda: seen.add(path.read_text()) or len(seen) > 5)
    last = path.read_text()
    time.sleep(0.05)
    assert path.read_text() == last and LOST_S > 10


def test_a_beat_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "pulse").mkdir()
    with pulse(tmp_path / "pulse", 0.01):
        time.sleep(0.05)
