"""The sender's program on another machine: whichever package there has its content, to the byte.

Where Python looks first on a node is chance: the folder in which its daemon was started, that of
whoever came to the cluster before, another revision that is installed.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

from pipeline.launch.program import code_hash, package_hasher
from pipeline.places import PACKAGE

Finder = Callable[[str], ModuleType]
"""Gives a module of the sender's program, by its name below the package.

Raises RuntimeError, in a line, where no package has the sender's content, or what it needs is
missing. The folder that has it comes first from then on, for processes too that are begun there.
"""


def program_finder() -> Finder:
    """A `Finder` for another machine, which is sent whole: that may not have this program.

    It looks where Python does there, and where the sender has its own.
    """
    code, package_hash = code_hash(), package_hasher()
    name, beside = PACKAGE.name, str(PACKAGE.parent)

    def content(package: Path) -> str | None:
        try:
            return package_hash(package) if (package / "__init__.py").is_file() else None
        except OSError:  # It is somebody else's.
            return None

    def found() -> Path:
        imported = getattr(sys.modules.get(name), "__file__", None)
        looked = [str(Path(imported).parents[1])] if imported else [*sys.path, beside]
        others = []
        for package in [Path(each).resolve() / name for each in dict.fromkeys(looked)]:
            has = content(package)
            if has == code:
                return package.parent
            if has is not None:
                others.append(str(package))
        if others:
            raise RuntimeError(
                f"{', '.join(others)}: another program than the sender's: bring both to one "
                "commit, without changes of their own"
            )
        raise RuntimeError(
            f"{sys.executable}: the sender's program isn't there: install the same one, or put its "
            f"checkout at {beside}"
        )

    def of_program(module: str) -> ModuleType:
        folder = str(found())
        if sys.path[:1] != [folder]:
            sys.path.insert(0, folder)
        try:
            return import_module(f"{name}.{module}")
        except ImportError as error:
            raise RuntimeError(
                f"{sys.executable}: lacks what the sender's program needs: {error}"
            ) from error

    return of_program
