"""What the parts of the contract look at of a request that is being answered."""

from dataclasses import dataclass

from pipeline.inference.request import Request


@dataclass
class Sequence:
    """Some request, its prompt and its output so far."""

    request: Request
    prompt: list[int]
    output: list[int]

    @classmethod
    def of(cls, id_, sampling, prompt=(), output=()):
        return cls(Request(id_, None, "", tuple(prompt), sampling), list(prompt), list(output))
