"""Prompts from a JSONL file: one object a line."""

from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings import STRICT
from pipeline.workload.prompts.json_rows import json_lines
from pipeline.workload.prompts.prompt_file import KEY, Parsed, PromptFile
from pipeline.workload.prompts.row import prompt_of
from pipeline.workload.text_file import read_text


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Jsonl(PromptFile):
    """Settings of `workload/prompts=jsonl`.

    Attributes:
        path: an object a line.
        field: which field of each object is the prompt.
    """

    field: str

    def parse(self) -> Parsed:
        """One a line; empty lines are passed over."""
        prompts = [
            prompt_of(row, self.field, f"{KEY}: {self.path}:{number}", self.adapters)
            for number, row in json_lines(KEY, self.path, read_text(KEY, self.path))
        ]
        if not prompts:
            raise UsageError(f"{KEY}={self.path}: holds no prompts")
        return Parsed(prompts)
