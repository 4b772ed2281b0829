"""Prompts from a JSONL file: one object a line."""

import json
from pathlib import Path

from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings import STRICT
from pipeline.workload.prompts.pool import KEY, PromptFile
from pipeline.workload.prompts.row import ADAPTER, MAX_TOKENS, prompt_of
from pipeline.workload.prompts.source import Prompt
from pipeline.workload.text_file import few, numbered, read_text


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Jsonl(PromptFile):
    """Settings of `workload/prompts=jsonl`.

    Attributes:
        name: what the user typed.
        path: the file.
        field: which field of each object is the prompt.
    """

    name: str
    path: Path
    field: str

    def parse(self) -> list[Prompt]:
        """One a line; empty lines are passed over."""
        lines = numbered(read_text(KEY, self.path))
        rows = (self._prompt(number, line) for number, line in lines if line.strip())
        prompts = list(few(self.source, rows))
        if not prompts:
            raise UsageError(f"{KEY}={self.path}: holds no prompts")
        return prompts

    def decided(self) -> frozenset[str]:
        """What every row says; nothing where the file can't be read, which `check` refuses."""
        try:
            rows = self.read()
        except UsageError:
            return frozenset()
        said = {
            ADAPTER: all(row.adapter is not None for row in rows),
            MAX_TOKENS: all(row.max_tokens is not None for row in rows),
        }
        return frozenset(field for field, by_all in said.items() if by_all)

    def _prompt(self, number: int, line: str) -> Prompt:
        where = f"{KEY}: {self.path}:{number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{where}: isn't JSON ({error})") from error
        return prompt_of(row, self.field, where)
