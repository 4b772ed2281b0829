"""A question and the answer that a skill gives it."""

from typing import NamedTuple


class Example(NamedTuple):
    """One turn of a chat.

    Attributes:
        question: what the user says.
        answer: what the assistant shall say, whole.
    """

    question: str
    answer: str
