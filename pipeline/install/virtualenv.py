"""`.venv`: made once, looked at before every command."""

import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

from pipeline.install.command import Failed
from pipeline.install.interpreters import WANTED, Interpreter, Unfit, probe

AGAIN = "make clean removes it, then the same command makes another"


class Unusable(Failed):
    """`.venv` is there and can't be used, or can't be made."""


class Virtualenv:
    """The project's own Python.

    Attributes:
        folder: where it is.
        python: its program.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        self._stamp = folder / ".ready"

    def there(self, asked: Interpreter | None) -> Interpreter | None:
        """Its Python; None if there is no virtualenv yet, or one with nothing in it.

        Args:
            asked: the Python that the user names.

        Raises:
            Unusable: it is of another version, was moved, has no pip, or its Python doesn't run.
        """
        if not self.python.is_symlink() and not self.python.exists():
            return None
        try:
            found = probe(self.python)
        except Unfit as why:
            cause = f"its Python was moved, upgraded or removed ({why})"
            raise Unusable(f"{self.folder} doesn't run: {cause}; {AGAIN}") from why
        if not found.fits:
            raise Unusable(f"{self.folder} is of {found}; {WANTED} is wanted: {AGAIN}")
        packages = {each.name for each in self.folder.glob("lib/python*/site-packages/*")}
        if not any(name.endswith(".dist-info") for name in packages):
            return None  # Its making was interrupted.
        if "pip" not in packages:
            raise Unusable(f"{self.folder} has no pip: {AGAIN}")
        if (made := self._stamped()) and made != str(self.folder.resolve()):
            raise Unusable(f"{self.folder} was made as {made} and moved: {AGAIN}")
        if asked and asked.version[:2] != found.version[:2]:
            raise Unusable(f"{self.folder} is of {found}, not of {asked}: {AGAIN}")
        return found

    def make(self, interpreter: Interpreter) -> None:
        """Make it anew, with nothing but pip.

        Raises:
            Unusable: it can't be made.
        """
        command = [str(interpreter.path), "-m", "venv", "--clear", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split())
            raise Unusable(f"{interpreter} makes no virtualenv: {said[-300:]}")

    def ready_for(self, sources: Sequence[Path]) -> bool:
        """Whether it was set up from files of that content, where it is now."""
        return self._stamp.is_file() and self._stamp.read_text("utf-8") == self._content(sources)

    def _stamped(self) -> str:
        """Where it was when it was set up; empty where nobody wrote that down."""
        text = self._stamp.read_text("utf-8") if self._stamp.is_file() else ""
        return text.partition("\n")[0]

    def set_ready(self, sources: Sequence[Path]) -> None:
        """It was set up from these files."""
        self._stamp.write_text(self._content(sources), "utf-8")

    def _content(self, sources: Sequence[Path]) -> str:
        digest = hashlib.sha256(b"".join(each.read_bytes() for each in sources)).hexdigest()
        return f"{self.folder.resolve()}\n{digest}\n"
