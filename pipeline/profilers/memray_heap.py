"""memray: what is allocated during a replay, and who asked for it."""

import subprocess
import sys

from pydantic.dataclasses import dataclass

from pipeline.profilers.profiler import Profile, Subject, Tool, ToolUnavailable
from pipeline.settings import STRICT

RECORD, PAGE = "memray.bin", "memray.html"


@dataclass(frozen=True, config=STRICT, kw_only=True)
class MemrayHeap(Tool):
    """Settings of `profiler=memray`.

    Attributes:
        native: name the C and C++ functions too, which takes much longer.
    """

    native: bool = False

    def profile(self, subject: Subject) -> Profile:
        """One replay; memory that the engine held before isn't counted."""
        try:
            from memray import FileDestination, FileFormat, FileReader, Tracker
        except ImportError as error:
            install = "python -m pip install memray==1.20.0"
            raise ToolUnavailable(f"memray isn't installed: {install}") from error
        record = subject.folder / RECORD
        with Tracker(
            destination=FileDestination(record, overwrite=True),
            native_traces=self.native,
            file_format=FileFormat.AGGREGATED_ALLOCATIONS,
        ):
            subject.replay()
        with FileReader(record) as reader:
            peak = reader.metadata.peak_memory
        command = (sys.executable, "-m", "memray", "flamegraph", "--no-web", "--force")
        page = (str(record), "--output", str(subject.folder / PAGE))
        done = subprocess.run((*command, *page), capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"memray flamegraph: {done.stderr.strip().splitlines()[-1]}")
        return Profile(
            {
                PAGE: "open it in a browser: who held memory when most was in use",
                RECORD: f"python -m memray table {RECORD}, or tree, summary, stats",
            },
            {"memray/peak_bytes": peak},
            (f"at most {peak / 2**20:.1f} MiB allocated at once during a replay",),
        )
