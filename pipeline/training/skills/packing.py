"""Several chats in one row: what they begin with is computed once, and none sees another.

The mask is a tree's: every chat attends to the beginning all share, and to itself. That gives the
same numbers as one row a chat, without padding, and with the system prompt forwarded once.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pipeline.training.skills.example import Example


class Exchange(NamedTuple):
    """One example as token ids."""

    prompt: list[int]
    answer: list[int]


class Packed(NamedTuple):
    """A row, each tensor with a leading axis of one.

    Attributes:
        ids: tokens of the common beginning, then of each chat's rest.
        positions: of each token within its own chat.
        mask: which tokens (axis 3) each token (axis 2) attends to.
        asked: places in the row whose next token is an answer's, over all chats in order.
        answers: these next tokens.
        owners: the chat of each of them.
    """

    ids: Tensor
    positions: Tensor
    mask: Tensor
    asked: Tensor
    answers: Tensor
    owners: Tensor


def exchange(tokenizer: Any, example: Example) -> Exchange:
    """An example by the model's chat template; the answer ends with the end of its turn."""
    asked = [{"role": "user", "content": example.question}]
    prompt = tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
    answer = tokenizer(example.answer)["input_ids"] + [tokenizer.eos_token_id]
    return Exchange(tokenizer(prompt)["input_ids"], answer)


def packed(chats: Sequence[Exchange]) -> Packed:
    """Lay chats into one row."""
    shared = _beginning([each.prompt[:-1] for each in chats])
    ids, positions = list(shared), list(range(len(shared)))
    branches = [-1] * len(shared)
    asked: list[int] = []
    answers: list[int] = []
    owners: list[int] = []
    for number, (prompt, answer) in enumerate(chats):
        rest = prompt[len(shared) :] + answer[:-1]
        first = len(ids) + len(prompt) - len(shared) - 1
        asked += range(first, first + len(answer))
        answers += answer
        owners += [number] * len(answer)
        ids += rest
        positions += range(len(shared), len(shared) + len(rest))
        branches += [number] * len(rest)
    branch = torch.tensor(branches)
    mine = (branch[None] == branch[:, None]) | (branch[None] == -1)
    mask = mine & torch.ones_like(mine).tril()
    return Packed(
        torch.tensor([ids]),
        torch.tensor([positions]),
        mask[None, None],
        torch.tensor(asked),
        torch.tensor(answers),
        torch.tensor(owners),
    )


def _beginning(rows: Sequence[Sequence[int]]) -> list[int]:
    columns = takewhile(lambda column: len(set(column)) == 1, zip(*rows, strict=False))
    return [column[0] for column in columns]
