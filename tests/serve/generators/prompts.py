"""What is asked by those that bring no prompts of their own."""

from itertools import cycle, islice

from pipeline.workload.prompts.builtin import FILE
from tests.serve.generators.generator import Load


def prompts(load: Load) -> list[tuple[str, str]]:
    """Models in turn, each with a text."""
    texts = FILE.read_text("utf-8").splitlines()
    pairs = zip(cycle(load.models), cycle(texts), strict=False)
    return list(islice(pairs, load.requests))
