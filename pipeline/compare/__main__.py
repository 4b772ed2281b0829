"""Command line: `python -m pipeline.compare PATH [PATH…] [--baseline ENGINE] [--out FILE]`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from pipeline.compare import compare, print_table
from pipeline.errors import UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print, and say where the page is; 2 when the request itself was wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.compare",
        description="Put runs side by side: a table here, a page and comparison.json on disk.",
    )
    parser.add_argument(
        "paths", metavar="PATH", nargs="+", type=Path, help="a sweep, a run, or a folder of them"
    )
    parser.add_argument("--baseline", metavar="ENGINE", help="what ratios refer to (the first run)")
    parser.add_argument("--out", metavar="FILE", type=Path, help="the page (report.html in PATH)")
    chosen = parser.parse_args(arguments)
    try:
        comparison = compare(chosen.paths, chosen.out, chosen.baseline)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    print_table(comparison, Console())
    return 0


if __name__ == "__main__":
    sys.exit(main())
