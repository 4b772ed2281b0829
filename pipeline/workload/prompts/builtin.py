"""The prompts that come with the project: a text file, one prompt a line."""

from pathlib import Path

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.prompts.pool import Pool
from pipeline.workload.prompts.source import Prompt

FILE = Path(__file__).with_name("builtin.txt")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Builtin(Pool):
    """Settings of `workload/prompts=builtin`."""

    name: str

    source = "workload/prompts=builtin"

    def read(self) -> list[Prompt]:
        """The file's lines."""
        lines = enumerate(FILE.read_text("utf-8").splitlines(), 1)
        return [Prompt(line, f"workload/prompts=builtin: line {number}") for number, line in lines]
