"""`pipeline`, the console command: what `python -m pipeline` is, wherever it is called."""

import runpy
import sys

from pipeline.places import CHECKOUT


def main() -> None:
    """Run the package as `python -m` would, which also finds modules in the current directory.

    In a checkout, this package comes first: jobs in processes of their own must not take another
    checkout's that they happen to be started in.
    """
    sys.path[:0] = [str(CHECKOUT), ""] if CHECKOUT else [""]
    runpy.run_module("pipeline", run_name="__main__")
