"""`python -m pipeline.compare.findings SWEEPS --page PAGE`: fill a page's blocks by its sweeps.

Every block `<!-- measured: NAME -->` … `<!-- end -->` of the page gets the tables of the sweep
`SWEEPS/NAME` and a picture of its throughput, `NAME.png` in a folder beside the page that is called
like it. A block whose sweep isn't there stays as it is, and is named.
"""

import sys
from collections.abc import Sequence
from os.path import relpath
from pathlib import Path

from rich.console import Console

from pipeline.compare.comparison import assemble
from pipeline.compare.findings.blocks import Block, blocks, filled
from pipeline.compare.findings.picture import picture
from pipeline.compare.findings.tables import tables
from pipeline.errors import Unreadable, UsageError
from pipeline.files.documents import reading, write_text
from pipeline.process.arguments import Arguments
from pipeline.process.signals import command


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page; returns the exit code."""
    parser = Arguments(prog="python -m pipeline.compare.findings", description=__doc__)
    parser.add_argument("sweeps", metavar="SWEEPS", type=Path, help="the folder of the sweeps")
    parser.add_argument("--page", metavar="FILE", type=Path, required=True, help="Markdown")
    chosen = parser.parse_args(arguments)
    try:
        missing = write(chosen.sweeps, chosen.page)
    except (UsageError, Unreadable) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename}: can't be written ({error.strerror})", file=sys.stderr)
        return 2
    console = Console()
    console.print(f"{chosen.page} is written", soft_wrap=True, markup=False)
    for name in missing:
        console.print(f"  left as it was: no {chosen.sweeps / name}", soft_wrap=True, markup=False)
    return 0


def write(sweeps: Path, page: Path) -> list[str]:
    """Fill the page, and return the names of blocks whose sweeps aren't there.

    Raises:
        UsageError: there is nothing to fill, or none of a sweep's runs count.
        Unreadable: the page isn't text.
    """
    with reading(page):
        text = page.read_text("utf-8")
    found = blocks(text)
    if not found:
        raise UsageError(f"{page}: no block <!-- measured: NAME --> … <!-- end -->")
    there = {each.name for each in found if (sweeps / each.name).is_dir()}
    if not there:
        raise UsageError(f"{sweeps}: none of {', '.join(each.name for each in found)} is there")
    held = {each: _held(each, sweeps, page) for each in found if each.name in there}
    write_text(page, filled(text, held.get))
    return [each.name for each in found if each.name not in there]


def _held(block: Block, sweeps: Path, page: Path) -> str:
    comparison = assemble([sweeps / block.name], baseline=block.against)
    if not comparison.cells:
        raise UsageError(f"{sweeps / block.name}: no run finished and is valid")
    path = page.with_suffix("") / f"{block.name}.png"
    said = picture(comparison, path)
    link = f"![{said}]({relpath(path, page.parent)})"
    return f"\n{tables(comparison, block.metrics)}\n{link}\n\n"


if __name__ == "__main__":
    command(main)
