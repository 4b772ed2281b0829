"""What a person sees of a long command, and what is kept."""

import io
import sys

import pytest

from pipeline.install.command import Failed, follow
from pipeline.install.packages import OBJECT, Installing
from pipeline.install.progress import StageLine

TALKS = "import sys\nfor n in range(8): print(f'[{n + 1}/8] Building', file=sys.stderr)"
PIP = """Collecting numpy==2.4.6
  Downloading numpy-2.4.6-cp311-cp311-linux_x86_64.whl.metadata (6.6 kB)
Collecting torch==2.13.0+cpu
  Downloading numpy-2.4.6-cp311-cp311-linux_x86_64.whl (16.4 MB)
Downloading torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl (183.6 MB)
Installing collected packages: numpy, torch
"""


class Terminal(io.StringIO):
    def isatty(self):
        return True


def followed(tmp_path, program, out):
    log, progress = tmp_path / "setup.log", StageLine("[3/3] compile", out)

    def watch(line):
        found = OBJECT.match(line)
        progress.show(int(found[1]) / int(found[2]) if found else 0.0)

    follow([sys.executable, "-c", program], log, watch)
    return log.read_text()


def test_percentages_are_seen_and_all_is_kept(tmp_path):
    out = io.StringIO()
    log = followed(tmp_path, TALKS, out)
    assert [line.split()[-1] for line in out.getvalue().splitlines()][-1] == "100%"
    assert all(line.startswith("[3/3] compile") for line in out.getvalue().splitlines())
    assert log.count("] Building\n") == 8 and "0:00" in out.getvalue()


def test_a_terminal_has_one_line(tmp_path):
    out = Terminal()
    followed(tmp_path, TALKS, out)
    assert "\n" not in out.getvalue() and "100%" in out.getvalue()


def test_a_thousand_lines_are_eleven_at_most(tmp_path):
    out = io.StringIO()
    followed(tmp_path, "for n in range(1000): print(f'[{n + 1}/1000] Building')", out)
    assert len(out.getvalue().splitlines()) <= 11


def test_a_failure_names_its_cause_and_the_log(tmp_path):
    program = "import sys; print('ERROR: no space'); print('[end of output]'); sys.exit(1)"
    with pytest.raises(Failed, match=r"^ERROR: no space; the whole log: .*setup\.log$"):
        followed(tmp_path, program, io.StringIO())


def test_packages_arrive_and_are_installed(capsys):
    counts = iter((3, 3, 4, 5))
    watch = Installing(lambda: next(counts))
    for line in [*PIP.splitlines(), "", ""]:
        watch(line)
    watch.end("torch==2.13.0+cpu")
    said = capsys.readouterr().out
    assert "2 packages, 200 MB downloaded" in said
    assert [line.split()[-1] for line in said.splitlines()[-4:-1]] == ["0%", "50%", "100%"]
    assert said.splitlines()[-1].endswith("torch==2.13.0+cpu")


def test_nothing_to_install_is_said(capsys):
    watch = Installing(lambda: 140)
    watch("Requirement already satisfied: numpy==2.4.6")
    watch.end("torch==2.13.0+cpu")
    assert capsys.readouterr().out.splitlines()[-1].endswith("all there, torch==2.13.0+cpu")
