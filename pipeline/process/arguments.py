"""How the small commands read their arguments: what is wrong is one line, as everywhere."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from pipeline.errors import escaped


class Arguments(argparse.ArgumentParser):
    """An argument parser that leaves the page of usage to `--help`."""

    def error(self, message: str) -> NoReturn:
        """Print the line and leave with 2."""
        print(f"{self.prog}: {escaped(message)}; --help says what there is", file=sys.stderr)
        raise SystemExit(2)


def count(text: str) -> int:
    """A whole number from 1 to 10⁹, for `type=`.

    Raises:
        argparse.ArgumentTypeError: it isn't one.
    """
    if not (text.isascii() and text.isdigit() and 0 < int(text[:20]) <= 10**9 and len(text) < 20):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} isn't a whole number from 1 to 10⁹")
    return int(text)


def seed(text: str) -> int:
    """A whole number from 0 on, for `type=`.

    Raises:
        argparse.ArgumentTypeError: it isn't one.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} isn't a whole number from 0 to 10¹⁸")
    return int(text)


def new_folder(text: str) -> Path:
    """A folder that is there, or can be made where it is to be, for `type=`.

    Raises:
        argparse.ArgumentTypeError: something else has the name, or there is nothing to make it in.
    """
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: isn't a folder")
    if not text or not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r}: its parent folder isn't there")
    return path
