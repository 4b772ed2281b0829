"""What all load generators are asked to do, and how one of them is one."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import ClassVar

from pipeline.process.guarded import GuardedCommand
from tests.serve.generators.report import Report

LONGEST_S = 300
ENVIRONMENT = {
    "TOKENIZERS_PARALLELISM": "false",
    "GUIDELLM__MAX_WORKER_PROCESSES": "1",
    "PYTHONDONTWRITEBYTECODE": "",
}
"""Few processes share the processor with the server, and those that are started
from the same files needn't compile them each."""


@dataclass(frozen=True)
class Load:
    """What a server is asked.

    Attributes:
        url: of the server's root.
        models: asked in turn, or all at once.
        tokenizer: folder of the base model's.
        endpoint: `completions` or `chat`.
        requests: in all.
        concurrency: at once.
        prompt_tokens: about so many in a prompt.
        tokens: of every answer.
        folder: for what a generator writes.
    """

    url: str
    models: Sequence[str]
    tokenizer: str
    endpoint: str
    requests: int
    concurrency: int
    prompt_tokens: int
    tokens: int
    folder: Path

    @property
    def path(self) -> str:
        """Of the endpoint."""
        return "/v1/chat/completions" if self.endpoint == "chat" else "/v1/completions"


class Generator(ABC):
    """A program that nobody here wrote.

    Attributes:
        name: by which it is chosen.
        install: how it is had.
    """

    name: ClassVar[str]
    install: ClassVar[str]

    def __init__(self, program: str) -> None:
        """Of a program, by its name or path."""
        self.program = program

    @abstractmethod
    def run(self, load: Load) -> Report:
        """Ask the server, and say what is reported."""


def finished(commands: Sequence[Sequence[str]], folder: Path) -> list[str]:
    """Run all at once; what each wrote.

    Raises:
        RuntimeError: one of them failed; its last words are in the message.
    """
    outputs = [folder / f"output-{number}.txt" for number in range(len(commands))]
    with ExitStack() as stack:
        running = [
            stack.enter_context(GuardedCommand(command, output, ENVIRONMENT))
            for command, output in zip(commands, outputs, strict=True)
        ]
        until = monotonic() + LONGEST_S
        while any(each.poll() is None for each in running) and monotonic() < until:
            sleep(0.1)
        codes = [each.poll() for each in running]
    said = [output.read_text("utf-8", "replace") for output in outputs]
    for command, code, words in zip(commands, codes, said, strict=True):
        if code != 0:
            raise RuntimeError(f"{command[0]} ended with {code}: {words[-1500:]}")
    return said
