"""What a child does that doesn't listen when it is told to stop."""

import signal
import time
from pathlib import Path


def deaf(told: Path) -> None:
    """Ignore SIGTERM for ten minutes; the file is there as soon as it is ignored."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    told.touch()
    time.sleep(600)
